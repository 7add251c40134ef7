/** Where the objects of a recording are: behind one address each, answered by ranges. */
import { RecordingError } from './failure';
import type { Place } from './manifest';

/** As the API's `RecordingAccess`: an object is at `baseUrl` and its name, and asked for with these headers. */
export interface Access {
  readonly baseUrl: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Reads bytes of an object, all of them without a place; fewer where it ends before. */
export type Source = (name: string, place?: Place) => Promise<Uint8Array<ArrayBuffer>>;

export function httpSource({ baseUrl, headers }: Access): Source {
  return async (name, place) => {
    const range = place === undefined ? {} : { Range: `bytes=${place.start}-${place.stop - 1}` };
    let response: Response;
    let bytes: Uint8Array<ArrayBuffer>;
    try {
      response = await fetch(baseUrl + encodeURIComponent(name), { headers: { ...headers, ...range } });
      bytes = new Uint8Array(await response.arrayBuffer());
    } catch {
      throw new RecordingError('unreachable', `${name} cannot be read: the connection was lost, or this page may not read from ${baseUrl}`);
    }
    if (response.status === 206 || (response.status === 200 && place === undefined)) return bytes;
    if (response.status === 200 && place !== undefined) return bytes.subarray(place.start, place.stop);
    if (response.status === 416) return new Uint8Array();
    throw failureOf(response.status, name);
  };
}

function failureOf(status: number, name: string): RecordingError {
  if (status === 404) return new RecordingError('missing', `${name} is not there.`);
  if (status === 401 || status === 403) return new RecordingError('refused', `${name} may not be read any more; open the recording again.`);
  return new RecordingError('unreachable', `${name} cannot be read: the answer was ${status}.`);
}
