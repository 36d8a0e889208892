import { channel } from 'node:diagnostics_channel';

export type WireProtocol = 'h1' | 'h2';

/** What `crowfly:registry-request` publishes for each request sent, one that is sent again included. */
export interface RegistryRequestSent {
  readonly origin: string;
  readonly method: string;
  readonly path: string;
  readonly protocol: WireProtocol;
}

/** What `crowfly:registry-connect` publishes for each connection opened. */
export interface RegistryConnected {
  readonly origin: string;
  readonly protocol: WireProtocol;
}

const requests = channel('crowfly:registry-request');
const connects = channel('crowfly:registry-connect');

export function tellRequest(sent: RegistryRequestSent): void {
  if (requests.hasSubscribers) requests.publish(sent);
}

export function tellConnect(connected: RegistryConnected): void {
  if (connects.hasSubscribers) connects.publish(connected);
}
