/** A picture file as the array that a model's image input wants: scaled to its size, in its channels and its number type. */
import type { Modality } from '../domain/modality';

export interface EncodedArray {
  readonly dtype: string;
  readonly shape: readonly number[];
  /** base64 of the C-order little-endian buffer. */
  readonly data: string;
}

export async function readPicture(file: Blob, modality: Modality & { readonly layout: 'HWC' | 'CHW' | null }): Promise<EncodedArray> {
  const bitmap = await createImageBitmap(file);
  const chw = modality.layout === 'CHW';
  const [height, width, channels] = chw
    ? [modality.shape[1] ?? bitmap.height, modality.shape[2] ?? bitmap.width, modality.shape[0] ?? 3]
    : [modality.shape[0] ?? bitmap.height, modality.shape[1] ?? bitmap.width, modality.shape.length < 3 ? 1 : (modality.shape[2] ?? 3)];
  const context = new OffscreenCanvas(width, height).getContext('2d');
  if (context === null) throw new Error('this browser cannot draw pictures off the screen');
  context.drawImage(bitmap, 0, 0, width, height);
  const { data } = context.getImageData(0, 0, width, height);
  const size = width * height;
  const floats = modality.dtype.startsWith('float');
  const values = floats ? new Float32Array(size * channels) : new Uint8Array(size * channels);
  for (let pixel = 0; pixel < size; pixel++) {
    const [r, g, b, a] = [data[pixel * 4] ?? 0, data[pixel * 4 + 1] ?? 0, data[pixel * 4 + 2] ?? 0, data[pixel * 4 + 3] ?? 0];
    const parts = channels === 1 ? [0.299 * r + 0.587 * g + 0.114 * b] : [r, g, b, a];
    for (let channel = 0; channel < channels; channel++) {
      const part = parts[channel] ?? 0;
      values[chw ? channel * size + pixel : pixel * channels + channel] = floats ? part / 255 : part;
    }
  }
  const shape = chw ? [channels, height, width] : modality.shape.length < 3 ? [height, width] : [height, width, channels];
  return { dtype: floats ? 'float32' : 'uint8', shape, data: base64(new Uint8Array(values.buffer)) };
}

function base64(bytes: Uint8Array): string {
  const parts: string[] = [];
  for (let i = 0; i < bytes.length; i += 0x8000) parts.push(String.fromCharCode(...bytes.subarray(i, i + 0x8000)));
  return btoa(parts.join(''));
}
