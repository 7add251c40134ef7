/** From a file on this computer to a model of the zoo: read, announced, sent, made; what has arrived is not sent twice. */
import { useEffect, useRef, useState } from 'react';
import { newCommandId } from '../../api/command';
import { ModelCreateMutation, UploadMutation } from '../../api/documents';
import { outcomeOf } from '../../api/outcome';
import { put, PutError } from '../../api/put';
import { sha256Of } from '../../api/sha256';
import { errorsByField } from '../../domain/parameters';
import { bucketAddress } from '../../domain/address';
import type { UploadStage } from '../../domain/upload';
import { useHome } from '../../live/home';
import { useConnection } from '../../live/hooks';

type Errors = Readonly<Record<string, string>>;

export type Made = { readonly ok: true; readonly modelId: string | undefined } | { readonly ok: false; readonly errors: Errors };

export interface Uploading {
  readonly stage: UploadStage | undefined;
  readonly make: (file: File, name: string) => Promise<Made>;
  readonly stop: () => void;
}

export function useUploading(): Uploading {
  const { zoo } = useConnection();
  const profile = useHome()?.server.profile ?? '';
  const [stage, setStage] = useState<UploadStage>();
  const stopping = useRef<AbortController>(undefined);
  const arrived = useRef<{ readonly file: File; readonly uploadId: string }>(undefined);
  /** What may have been made although no answer came is asked for again under the same id, so that it becomes one model. */
  const asked = useRef<{ readonly name: string; readonly uploadId: string; readonly commandId: string }>(undefined);
  useEffect(() => () => stopping.current?.abort(), []);

  const send = async (file: File, signal: AbortSignal): Promise<string | Errors> => {
    setStage({ kind: 'reading', share: 0 });
    const sha256 = await sha256Of(file, (share) => setStage({ kind: 'reading', share }), signal);
    setStage({ kind: 'asking' });
    const announced = await outcomeOf(zoo.mutate(UploadMutation, { input: { filename: file.name, sizeBytes: file.size, sha256 } }));
    signal.throwIfAborted();
    if (!announced.ok) return errorsByField(announced.errors);
    const { uploadId, url, headers } = announced.value;
    if (uploadId === null || url === null) return { '': 'The zoo has no place for the file.' };
    setStage({ kind: 'sending', share: 0 });
    await put(bucketAddress(url, zoo.address.origin, profile), headersOf(headers), file, (share) => setStage({ kind: 'sending', share }), signal);
    return uploadId;
  };

  const make = async (file: File, name: string): Promise<Made> => {
    const { signal } = (stopping.current = new AbortController());
    try {
      const uploadId = arrived.current?.file === file ? arrived.current.uploadId : await send(file, signal);
      if (typeof uploadId !== 'string') return { ok: false, errors: uploadId };
      arrived.current = { file, uploadId };
      setStage({ kind: 'making' });
      if (asked.current?.name !== name || asked.current.uploadId !== uploadId) asked.current = { name, uploadId, commandId: newCommandId() };
      const made = await outcomeOf(zoo.mutate(ModelCreateMutation, { input: { ...asked.current } }));
      if (made.ok) return { ok: true, modelId: made.value.model?.id };
      // Only another name is worth another try with what has arrived; a zoo that did not answer still has it.
      if (made.errors.some(({ code, path }) => path?.at(-1) !== 'name' && code !== 'ALREADY_EXISTS' && code !== 'UNAVAILABLE')) arrived.current = undefined;
      return { ok: false, errors: errorsByField(made.errors) };
    } catch (error) {
      if (signal.aborted) return { ok: false, errors: {} };
      if (error instanceof PutError) return { ok: false, errors: { '': error.message } };
      return { ok: false, errors: { filename: `${file.name} cannot be read; choose it again` } };
    } finally {
      setStage(undefined);
    }
  };

  return { stage, make, stop: () => stopping.current?.abort() };
}

function headersOf(headers: unknown): Readonly<Record<string, string>> {
  return typeof headers === 'object' && headers !== null ? Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)])) : {};
}
