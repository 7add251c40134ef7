/** Blocks: the values of one signal in the steps of a batch, from bytes. Described in docs/recordings.md. */
import { decompress } from 'fzstd';
import { halfToNumber } from '../api/tensor';
import { crc32 } from './crc32';
import { RecordingError } from './failure';
import type { RecordedSignal } from './manifest';

export type Numbers =
  | Uint8Array<ArrayBuffer>
  | Int8Array<ArrayBuffer>
  | Uint16Array<ArrayBuffer>
  | Int16Array<ArrayBuffer>
  | Uint32Array<ArrayBuffer>
  | Int32Array<ArrayBuffer>
  | Float32Array<ArrayBuffer>
  | Float64Array<ArrayBuffer>;

/** `rows`: which steps of the batch have a value, in order; undefined: all. */
export interface Block {
  readonly rows: Uint32Array | undefined;
  readonly values: Numbers | readonly string[];
}

const HEADER_BYTES = 16;
const MOST_BYTES = 1 << 30; // of a block
const VERSION = 1;
const ZSTD = 1;
const SHUFFLED = 2;
const SPARSE = 4;
const VARYING = 8;
const DIFFERENCES = 16;
const KNOWN = ZSTD | SHUFFLED | SPARSE | VARYING | DIFFERENCES;

interface Dtype {
  readonly size: number;
  readonly read: (buffer: ArrayBuffer) => Numbers;
}

/** 64-bit integers become floats: exact up to 2 ** 53, which no count of steps or microseconds exceeds. */
const DTYPES: Readonly<Record<string, Dtype>> = {
  bool: { size: 1, read: (buffer) => new Uint8Array(buffer) },
  uint8: { size: 1, read: (buffer) => new Uint8Array(buffer) },
  int8: { size: 1, read: (buffer) => new Int8Array(buffer) },
  uint16: { size: 2, read: (buffer) => new Uint16Array(buffer) },
  int16: { size: 2, read: (buffer) => new Int16Array(buffer) },
  uint32: { size: 4, read: (buffer) => new Uint32Array(buffer) },
  int32: { size: 4, read: (buffer) => new Int32Array(buffer) },
  float32: { size: 4, read: (buffer) => new Float32Array(buffer) },
  float64: { size: 8, read: (buffer) => new Float64Array(buffer) },
  int64: { size: 8, read: (buffer) => Float64Array.from(new BigInt64Array(buffer), Number) },
  uint64: { size: 8, read: (buffer) => Float64Array.from(new BigUint64Array(buffer), Number) },
  float16: { size: 2, read: (buffer) => Float32Array.from(new Uint16Array(buffer), halfToNumber) },
  bfloat16: { size: 2, read: (buffer) => new Float32Array(Uint32Array.from(new Uint16Array(buffer), (half) => half << 16).buffer) },
};

/** `steps`: how many the batch has. @throws RecordingError where the bytes are not what they were. */
export function readBlock(block: Uint8Array<ArrayBuffer>, signal: RecordedSignal, steps: number): Block {
  const damaged = (reason: string): RecordingError => new RecordingError('damaged', `a block of ${signal.path} ${reason}`);
  if (block.length < HEADER_BYTES) throw damaged(`has ${block.length} bytes, fewer than its header`);
  const head = new DataView(block.buffer, block.byteOffset, HEADER_BYTES);
  const flags = head.getUint8(1);
  const count = head.getUint32(4, true);
  const size = head.getUint32(8, true);
  const stored = block.subarray(HEADER_BYTES);
  if (crc32(stored, crc32(block.subarray(0, 12))) !== head.getUint32(12, true)) throw damaged('is damaged: its CRC-32 is not what it says');
  if (head.getUint8(0) !== VERSION || (flags & ~KNOWN) !== 0) throw new RecordingError('newer', `a block of ${signal.path} is packed in a way that this page does not know: open it with a newer zoo`);
  const bits = (flags & SPARSE) !== 0 ? Math.ceil(steps / 8) : 0;
  // Before any memory is taken for what it says.
  if (count > steps || size > MOST_BYTES || ((flags & VARYING) !== 0 ? size < bits + 4 * count : size !== bits + bytesOf(count, signal))) {
    throw damaged(`says that it has ${size} bytes for ${count} values in ${steps} steps`);
  }
  const body = (flags & ZSTD) !== 0 ? unpack(stored, size, damaged) : stored;
  if (body.length !== size) throw damaged(`has ${body.length} bytes, and says ${size}`);
  const rows = bits === 0 ? undefined : present(body.subarray(0, bits), steps);
  if ((rows?.length ?? steps) !== count) throw damaged(`has ${count} values for ${steps} steps`);
  const data = body.subarray(bits);
  if ((flags & VARYING) !== 0) return { rows, values: words(data, count, damaged) };
  return { rows, values: numbers(data, flags, signal, damaged) };
}

/** How many values a block has, as it says. */
export const countOf = (block: Uint8Array<ArrayBuffer>): number =>
  block.length < HEADER_BYTES ? 0 : new DataView(block.buffer, block.byteOffset, HEADER_BYTES).getUint32(4, true);

function unpack(stored: Uint8Array<ArrayBuffer>, size: number, damaged: (reason: string) => RecordingError): Uint8Array<ArrayBuffer> {
  try {
    return decompress(stored, new Uint8Array(size)) as Uint8Array<ArrayBuffer>;
  } catch (error) {
    throw damaged(`cannot be unpacked: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function present(bits: Uint8Array, steps: number): Uint32Array {
  const rows: number[] = [];
  for (let step = 0; step < steps; step++) {
    if ((((bits[step >> 3] ?? 0) >> (step & 7)) & 1) === 1) rows.push(step);
  }
  return Uint32Array.from(rows);
}

function words(data: Uint8Array<ArrayBuffer>, count: number, damaged: (reason: string) => RecordingError): string[] {
  if (data.length < 4 * count) throw damaged(`has ${data.length} bytes, fewer than the lengths of its ${count} texts`);
  const lengths = new DataView(data.buffer, data.byteOffset, 4 * count);
  const decoder = new TextDecoder();
  const found: string[] = [];
  let at = 4 * count;
  for (let index = 0; index < count; index++) {
    const end = at + lengths.getUint32(4 * index, true);
    found.push(decoder.decode(data.subarray(at, end)));
    at = end;
  }
  if (at !== data.length) throw damaged(`has ${data.length} bytes, and its texts ${at}`);
  return found;
}

function dtypeOf({ path, dtype }: RecordedSignal): Dtype {
  const found = DTYPES[dtype];
  if (found === undefined) throw new RecordingError('newer', `${path} has dtype ${dtype}, which this page does not know`);
  return found;
}

const bytesOf = (count: number, signal: RecordedSignal): number => signal.shape.reduce((product, length) => product * length, count * dtypeOf(signal).size);

function numbers(data: Uint8Array<ArrayBuffer>, flags: number, signal: RecordedSignal, damaged: (reason: string) => RecordingError): Numbers {
  const dtype = dtypeOf(signal);
  const plain = (flags & SHUFFLED) !== 0 ? inOrder(data, dtype.size) : data.slice();
  return dtype.read((flags & DIFFERENCES) !== 0 ? summed(plain, signal, damaged) : plain.buffer);
}

/** Puts the bytes of each element together again. */
function inOrder(data: Uint8Array, size: number): Uint8Array<ArrayBuffer> {
  const count = data.length / size;
  const found = new Uint8Array(data.length);
  for (let byte = 0, from = 0; byte < size; byte++) {
    for (let at = byte; from < (byte + 1) * count; at += size, from++) found[at] = data[from] ?? 0;
  }
  return found;
}

function summed(plain: Uint8Array<ArrayBuffer>, signal: RecordedSignal, damaged: (reason: string) => RecordingError): ArrayBuffer {
  if (signal.dtype !== 'int64' || signal.shape.length > 0) throw damaged(`holds differences of ${signal.dtype}, which nobody writes`);
  const values = new BigInt64Array(plain.buffer);
  for (let index = 1; index < values.length; index++) values[index] = (values[index - 1] ?? 0n) + (values[index] ?? 0n);
  return plain.buffer;
}
