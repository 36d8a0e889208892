import {
  type Clock,
  createEngine,
  type Engine,
  type Registry,
  type RegistryFactory,
  type Snapshot,
} from '@crowfly/core';
import type { Stage } from '../stage.js';

/** A service followed by the real core. */
export interface Followed {
  readonly engine: Engine;
  /** The latest snapshot. */
  snapshot(): Snapshot;
  /** How often a watch was started so far. */
  watches(): number;
}

/** Opens the adapter in an engine of its own. */
export function openEngine(
  stage: Stage,
  clock?: Clock,
): { engine: Engine; follow(service: string): Followed } {
  let watches = 0;
  const engine = createEngine(() => ({ update() {}, pick: () => undefined }), {
    registry: counting(stage.harness.factory, () => watches++),
    random: stage.random,
    logger: false,
    env: false,
    ...(clock === undefined ? {} : { clock }),
  });
  return {
    engine,
    follow(service) {
      let snapshot: Snapshot = { status: 'pending' };
      engine.watch(nameOf(stage, service), (next) => {
        snapshot = next;
      });
      return { engine, snapshot: () => snapshot, watches: () => watches };
    },
  };
}

/** The engine takes names: a service that is first of all a URL is watched by its key. */
function nameOf(stage: Stage, service: string): string {
  const name = stage.targets(service).find((target) => typeof target === 'string');
  return typeof name === 'string' ? name : stage.locate(service).key;
}

function counting(factory: RegistryFactory, started: () => void): RegistryFactory {
  return (context) => {
    const registry = factory(context);
    const counted: Registry = {
      kind: registry.kind,
      id: registry.id,
      supports: registry.supports,
      locate: (target) => registry.locate(target),
      watch: (service, feed) => {
        started();
        return registry.watch(service, feed);
      },
      close: async () => registry.close?.(),
    };
    return counted;
  };
}
