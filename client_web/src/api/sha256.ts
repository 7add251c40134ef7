/** SHA-256 of a file, read piece by piece: the browser's own wants all of it in memory, and is absent where a zoo has no HTTPS. */
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';

const PIECE = 4 * 1024 * 1024;

/** In hexadecimal digits. `onShare` is told how much is read, from 0 to 1. Throws what `signal` is aborted with. */
export async function sha256Of(file: Blob, onShare: (share: number) => void, signal: AbortSignal): Promise<string> {
  const digest = sha256.create();
  for (let start = 0; start < file.size; start += PIECE) {
    const piece = await file.slice(start, start + PIECE).arrayBuffer();
    signal.throwIfAborted();
    digest.update(new Uint8Array(piece));
    onShare(Math.min(1, (start + PIECE) / file.size));
  }
  return bytesToHex(digest.digest());
}
