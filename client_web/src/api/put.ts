/** Sends a file to a link; `fetch` cannot tell how much of it is on its way. */

/** The bytes did not arrive. The message is for people. */
export class PutError extends Error {}

/** `onShare` is told how much is sent, from 0 to 1. @throws PutError, and what `signal` is aborted with. */
export function put(url: string, headers: Readonly<Record<string, string>>, file: Blob, onShare: (share: number) => void, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const stop = (): void => request.abort();
    const settle = (done: () => void): void => {
      signal.removeEventListener('abort', stop);
      done();
    };
    request.upload.onprogress = ({ loaded, total }) => onShare(total === 0 ? 0 : loaded / total);
    request.onload = () =>
      settle(() => (request.status >= 200 && request.status < 300 ? resolve() : reject(new PutError(`the file was not taken: ${reason(request)}`))));
    request.onerror = () => settle(() => reject(new PutError(`${new URL(url).host} did not take the file: the connection was lost, or this page may not send to it`)));
    request.onabort = () => settle(() => reject(signal.reason instanceof Error ? signal.reason : new PutError('it was stopped')));
    signal.addEventListener('abort', stop);
    request.open('PUT', url);
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.send(file);
  });
}

function reason({ status, responseText }: XMLHttpRequest): string {
  try {
    const answer: unknown = JSON.parse(responseText);
    if (typeof answer === 'object' && answer !== null && 'message' in answer && typeof answer.message === 'string') return answer.message;
  } catch {
    // Others than the zoo answer in words of their own.
  }
  return `the answer was ${status}`;
}
