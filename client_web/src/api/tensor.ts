/** Arrays and pictures as they enter the client: base64 text becomes typed bytes here, or an error that says what is wrong with them. */
import type { ArrayValue } from '../domain/raster';

export class EntryError extends Error {
  constructor(
    readonly path: string,
    reason: string,
  ) {
    super(`${path}: ${reason}`);
    this.name = 'EntryError';
  }
}

export interface EncodedTensor {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly encoding: 'RAW' | 'JPEG';
  readonly data: string;
}

export interface Picture {
  readonly kind: 'picture';
  readonly jpeg: Blob;
  readonly shape: readonly number[];
}

export interface Numbers extends ArrayValue {
  readonly kind: 'array';
}

type Reader = (bytes: Uint8Array<ArrayBuffer>) => ArrayLike<number>;

interface Dtype {
  readonly size: number;
  readonly read: Reader;
}

const plain = (size: number, make: (buffer: ArrayBuffer) => ArrayLike<number>): Dtype => ({ size, read: (bytes) => make(bytes.buffer) });

const DTYPES: Readonly<Record<string, Dtype>> = {
  bool: plain(1, (buffer) => new Uint8Array(buffer)),
  uint8: plain(1, (buffer) => new Uint8Array(buffer)),
  int8: plain(1, (buffer) => new Int8Array(buffer)),
  uint16: plain(2, (buffer) => new Uint16Array(buffer)),
  int16: plain(2, (buffer) => new Int16Array(buffer)),
  uint32: plain(4, (buffer) => new Uint32Array(buffer)),
  int32: plain(4, (buffer) => new Int32Array(buffer)),
  float32: plain(4, (buffer) => new Float32Array(buffer)),
  float64: plain(8, (buffer) => new Float64Array(buffer)),
  int64: plain(8, (buffer) => Float64Array.from(new BigInt64Array(buffer), Number)),
  uint64: plain(8, (buffer) => Float64Array.from(new BigUint64Array(buffer), Number)),
  float16: { size: 2, read: (bytes) => Float32Array.from(new Uint16Array(bytes.buffer), halfToNumber) },
  bfloat16: {
    size: 2,
    read: (bytes) => new Float32Array(Uint32Array.from(new Uint16Array(bytes.buffer), (half) => half << 16).buffer),
  },
};

/** IEEE 754 half precision. */
export function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

export function decodeBase64(text: string, path: string): Uint8Array<ArrayBuffer> {
  let binary: string;
  try {
    binary = atob(text);
  } catch {
    throw new EntryError(path, 'data is not base64');
  }
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

/** @throws EntryError naming `path` when the bytes are not what dtype, shape and encoding promise. */
export function decodeTensor(tensor: EncodedTensor, path: string): Numbers | Picture {
  const bytes = decodeBase64(tensor.data, path);
  if (tensor.encoding === 'JPEG') {
    if (bytes[0] !== 0xff || bytes[1] !== 0xd8) throw new EntryError(path, 'encoding is JPEG, but the bytes are no JPEG file');
    return { kind: 'picture', jpeg: new Blob([bytes], { type: 'image/jpeg' }), shape: tensor.shape };
  }
  const dtype = DTYPES[tensor.dtype];
  if (dtype === undefined) {
    throw new EntryError(path, `dtype ${tensor.dtype} is unknown here; known are ${Object.keys(DTYPES).join(', ')}`);
  }
  const count = tensor.shape.reduce((product, size) => product * size, 1);
  if (bytes.length !== count * dtype.size) {
    throw new EntryError(
      path,
      `shape [${tensor.shape.join(', ')}] of ${tensor.dtype} needs ${count * dtype.size} bytes, got ${bytes.length}`,
    );
  }
  return { kind: 'array', dtype: tensor.dtype, shape: tensor.shape, values: dtype.read(bytes) };
}
