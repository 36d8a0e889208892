import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { ServersError } from '../errors.js';

/** In the environment of a program that has a namespace of its own. */
export const MARK = 'CROWFLY_NAMESPACE';

const VOID = 'crowfly-void';
const TABLE = '7700';
/** The rule that makes addresses local comes at 0, before any other; here it has to come after those that drop. */
const LOCAL = '100';
const DROP = '10';

const run = promisify(execFile);
let prepared: Promise<void> | undefined;

/** Gives the loopback device another address. Only inside {@link inNamespace}. */
export async function addAddress(address: string): Promise<void> {
  const family = familyOf(address);
  await ip(
    family,
    'addr',
    'add',
    `${address}/${family === '-6' ? '128' : '32'}`,
    'dev',
    'lo',
    ...(family === '-6' ? ['nodad'] : []),
  );
}

/**
 * Packets to and from an address vanish from now on, as when its machine loses power: pooled connections hang, new ones get
 * no answer, nobody is told. Only inside {@link inNamespace}.
 *
 * It is done by routing: what belongs to the address goes out on a device that nobody listens behind.
 */
export async function dropPackets(address: string): Promise<void> {
  const family = familyOf(address);
  prepared ??= prepare();
  await prepared;
  for (const end of ['to', 'from'])
    await ip(family, 'rule', 'add', 'pref', DROP, end, address, 'lookup', TABLE);
}

/** Ends {@link dropPackets}; connections that still wait go on when TCP sends again. */
export async function restorePackets(address: string): Promise<void> {
  const family = familyOf(address);
  for (const end of ['to', 'from'])
    await ip(family, 'rule', 'del', 'pref', DROP, end, address, 'lookup', TABLE);
}

async function prepare(): Promise<void> {
  // Without ARP nobody is asked who has the address; the other end sees packets for somebody else, and drops them.
  await ip('-4', 'link', 'add', VOID, 'arp', 'off', 'type', 'veth', 'peer', 'name', `${VOID}-2`);
  await ip('-4', 'link', 'set', `${VOID}-2`, 'arp', 'off', 'up');
  await ip('-4', 'link', 'set', VOID, 'up');
  for (const family of ['-4', '-6'] as const) {
    await ip(family, 'route', 'add', 'default', 'dev', VOID, 'table', TABLE);
    await ip(family, 'rule', 'add', 'pref', LOCAL, 'lookup', 'local');
    await ip(family, 'rule', 'del', 'pref', '0', 'lookup', 'local');
  }
}

const familyOf = (address: string): '-4' | '-6' => (address.includes(':') ? '-6' : '-4');

async function ip(...args: readonly string[]): Promise<void> {
  if (process.env[MARK] === undefined)
    throw new ServersError(
      'not-available',
      'this would change the machine itself: run the program with inNamespace()',
    );
  try {
    await run('ip', args);
  } catch (error) {
    const said = (error as { stderr?: string }).stderr?.trim() || (error as Error).message;
    throw new ServersError('not-available', `ip ${args.join(' ')}: ${said}`, { cause: error });
  }
}
