/** How a signal is asked for so that its widget can show it. */
import { sizeOf, widgetOf, type Modality, type Widget } from '../../domain/modality';
import type { WatchChoice } from '../../domain/reduction';
import type { SignalInterest } from '../../live/interest';

export interface Watchable {
  readonly path: string;
  readonly modality: Modality;
}

/** Pictures up to this many elements are sent whole: smaller than a JPEG file, and sharp. */
const WHOLE_PICTURE = 32 * 32 * 3;
const RATES: Readonly<Record<Widget, number>> = { image: 15, heat: 8, bars: 15, choice: 15, number: 15, text: 5 };
const REDUCED_RATE = 5;

export function interestIn(instanceId: string, signal: Watchable, { maxRate, reduce }: WatchChoice = {}): SignalInterest {
  const { path, modality } = signal;
  const suiting = suitingInterest(instanceId, signal);
  const rate = maxRate === undefined ? {} : { maxRate };
  switch (reduce) {
    case undefined:
      return { ...suiting, ...rate };
    case 'FULL':
      return { instanceId, path, maxRate: suiting.maxRate, ...rate, ...(modality.kind === 'IMAGE' ? {} : { maxSize: 256 }) };
    case 'JPEG':
      return { instanceId, path, maxRate: suiting.maxRate, reduce, maxSize: 320, ...rate };
    case 'STATISTICS':
    case 'HISTOGRAM':
      return { instanceId, path, maxRate: REDUCED_RATE, reduce, ...rate };
  }
}

function suitingInterest(instanceId: string, { path, modality }: Watchable): SignalInterest {
  const widget = widgetOf(modality);
  const base = { instanceId, path, maxRate: RATES[widget] };
  switch (widget) {
    case 'image':
      return sizeOf(modality.shape) <= WHOLE_PICTURE && !modality.shape.includes(null)
        ? base
        : { ...base, reduce: 'JPEG', maxSize: 320 };
    case 'heat':
      return { ...base, maxSize: 64 };
    case 'bars':
    case 'choice':
    case 'number':
    case 'text':
      return base;
  }
}
