/** How a signal is asked for so that its widget can show it. */
import { sizeOf, widgetOf, type Modality, type Widget } from '../../domain/modality';
import type { SignalInterest } from '../../live/interest';

export interface Watchable {
  readonly path: string;
  readonly modality: Modality;
}

/** Pictures up to this many elements are sent whole: smaller than a JPEG file, and sharp. */
const WHOLE_PICTURE = 32 * 32 * 3;
const RATES: Readonly<Record<Widget, number>> = { image: 15, heat: 8, bars: 15, choice: 15, number: 15, text: 5 };

export function interestIn(instanceId: string, { path, modality }: Watchable, maxRate?: number): SignalInterest {
  const widget = widgetOf(modality);
  const base = { instanceId, path, maxRate: maxRate ?? RATES[widget] };
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
