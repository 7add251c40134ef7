/** The live picture of the zoo in this tab: what the stream brings is kept here, and components are told what concerns them. */
import type { InstanceRow, LiveEvent, LogLine, WorldRow, ZooEvent } from '../api/documents';
import { Feed, type DecodePicture } from './feed';
import { mergeInterests, signalKey, type Interest, type SignalInterest } from './interest';
import { Logbook } from './logbook';
import { Ring } from './ring';
import { Stream, type OpenStream, type StreamState, type Timers } from './stream';

type Listener = () => void;

/** As many as a stream that continues another one may tell. */
const EVENTS_KNOWN = 200;

export interface Surroundings {
  readonly timers: Timers;
  readonly now: () => number;
  readonly decodePicture: DecodePicture;
}

export class LiveZoo {
  readonly #stream: Stream;
  readonly #interests = new Set<Interest>();
  readonly #instances = new Map<string, InstanceRow>();
  readonly #worlds = new Map<string, WorldRow>();
  readonly #feeds = new Map<string, Feed>();
  readonly #logbooks = new Map<string, Logbook>();
  readonly #listeners = new Map<string, Set<Listener>>();
  readonly #eventListeners = new Set<(event: ZooEvent) => void>();
  readonly #known = new Ring<string>(EVENTS_KNOWN);
  #roster: readonly InstanceRow[] = [];
  readonly #forgotten = new Set<string>();
  #rosterIds = new Set<string>();
  #followsRoster = false;

  constructor(
    open: OpenStream,
    private readonly surroundings: Surroundings,
  ) {
    this.#stream = new Stream(
      open,
      (event) => this.#accept(event),
      () => this.#tell('stream'),
      surroundings.timers,
    );
  }

  get streamState(): StreamState {
    return this.#stream.state;
  }

  get roster(): readonly InstanceRow[] {
    return this.#roster;
  }

  instance(id: string): InstanceRow | undefined {
    return this.#instances.get(id);
  }

  world(id: string): WorldRow | undefined {
    return this.#worlds.get(id);
  }

  sleep(): void {
    this.#stream.sleep();
  }

  wake(): void {
    this.#stream.wake();
  }

  retryNow(): void {
    this.#stream.retryNow();
  }

  close(): void {
    this.#stream.close();
  }

  /** Watches until the answer is called. */
  watch(interest: Interest): () => void {
    // A copy: the same interest may be watched twice and let go once.
    const entry = { ...interest };
    this.#interests.add(entry);
    this.#resubscribe();
    return () => {
      this.#interests.delete(entry);
      this.#resubscribe();
    };
  }

  feed(interest: SignalInterest): Feed {
    const key = signalKey(interest);
    let feed = this.#feeds.get(key);
    if (feed === undefined) {
      feed = new Feed(this.surroundings.decodePicture, this.surroundings.now);
      this.#feeds.set(key, feed);
    }
    return feed;
  }

  hasLogbook(id: string): boolean {
    return this.#logbooks.has(id);
  }

  logbook(id: string): Logbook {
    let logbook = this.#logbooks.get(id);
    if (logbook === undefined) {
      logbook = new Logbook();
      this.#logbooks.set(id, logbook);
    }
    return logbook;
  }

  /** Takes in rows that came another way: a query's or a mutation's answer. */
  learn(rows: readonly InstanceRow[]): void {
    const changed = rows.filter((row) => this.#keep(row));
    for (const row of changed) this.#tell(`instance:${row.id}`);
    if (changed.some((row) => this.#rosterIds.has(row.id))) this.#refreshRoster();
  }

  learnWorlds(rows: readonly WorldRow[]): void {
    for (const row of rows) {
      this.#worlds.set(row.id, row);
      this.#tell(`world:${row.id}`);
    }
  }

  /** An instance that this viewer has just launched: listed before the stream says so. */
  enlist(row: InstanceRow): void {
    this.#rosterIds.add(row.id);
    this.#keep(row);
    this.#refreshRoster();
  }

  forget(id: string): void {
    this.#forgotten.add(id);
    this.#rosterIds.delete(id);
    this.#instances.delete(id);
    this.#refreshRoster();
    this.#tell(`instance:${id}`);
  }

  learnLog(id: string, lines: readonly LogLine[]): void {
    if (this.logbook(id).append(lines)) this.#tell(`log:${id}`);
  }

  /** Topics: `stream`, `roster`, `instance:<id>`, `world:<id>`, `log:<id>`, `feeds`. */
  on(topic: string, listener: Listener): () => void {
    const listeners = this.#listeners.get(topic) ?? new Set<Listener>();
    this.#listeners.set(topic, listeners.add(listener));
    return () => {
      listeners.delete(listener);
    };
  }

  onEvent(listener: (event: ZooEvent) => void): () => void {
    this.#eventListeners.add(listener);
    return () => {
      this.#eventListeners.delete(listener);
    };
  }

  #resubscribe(): void {
    const input = mergeInterests(this.#interests);
    this.#followsRoster = input.instanceIds === null;
    const wanted = new Set(input.signals?.map((signal) => signal.key));
    for (const key of this.#feeds.keys()) {
      if (!wanted.has(key)) this.#feeds.delete(key);
    }
    const watched = new Set(input.logs);
    for (const id of this.#logbooks.keys()) {
      if (!watched.has(id)) this.#logbooks.delete(id);
    }
    watched.forEach((id) => this.logbook(id));
    this.#stream.want(this.#interests.size === 0 ? undefined : input);
  }

  #accept(event: LiveEvent): void {
    for (const value of event.values) {
      if (value.key !== null) this.#feeds.get(value.key)?.accept(value);
    }
    let problems = false;
    for (const { key, message } of event.problems) {
      const feed = key === null ? undefined : this.#feeds.get(key);
      if (feed !== undefined && feed.problem !== message) {
        feed.problem = message;
        problems = true;
      }
    }
    if (problems) this.#tell('feeds');
    this.#acceptRows(event);
    this.learnWorlds(event.environmentInstances);
    for (const id of new Set(event.logs.map((line) => line.instanceId))) {
      if (this.#logbooks.has(id)) this.learnLog(id, event.logs.filter((line) => line.instanceId === id));
    }
    for (const happened of event.events) this.#hearOf(happened);
  }

  /** An event may come by two streams, one of which takes over from the other. */
  #hearOf(happened: ZooEvent): void {
    if ([...this.#known].includes(happened.id)) return;
    this.#known.push(happened.id);
    this.#eventListeners.forEach((listener) => listener(happened));
  }

  #acceptRows(event: LiveEvent): void {
    if (event.kind === 'SNAPSHOT' && this.#followsRoster) this.#rosterIds = new Set();
    for (const row of event.instances) {
      if (this.#forgotten.has(row.id)) continue; // a word of the stream that was open before
      if (this.#followsRoster) this.#rosterIds.add(row.id);
      if (this.#keep(row)) this.#tell(`instance:${row.id}`);
    }
    for (const id of event.removedInstanceIds) {
      this.#rosterIds.delete(id);
      if (!this.#followsRoster) this.#instances.delete(id);
      this.#tell(`instance:${id}`);
    }
    if (event.kind === 'SNAPSHOT' || event.instances.length > 0 || event.removedInstanceIds.length > 0) this.#refreshRoster();
  }

  /** Keeps the newer of two rows: an event on its way may be older than the answer to a mutation. */
  #keep(row: InstanceRow): boolean {
    const known = this.#instances.get(row.id);
    if (known !== undefined && row.generation < known.generation) return false;
    this.#instances.set(row.id, row);
    return true;
  }

  #refreshRoster(): void {
    this.#roster = [...this.#rosterIds].flatMap((id) => this.#instances.get(id) ?? []);
    this.#tell('roster');
  }

  #tell(topic: string): void {
    this.#listeners.get(topic)?.forEach((listener) => listener());
  }
}
