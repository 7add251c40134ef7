/** A signal's newest picture on a canvas, with its age when it stops moving. */
import { useEffect, useRef } from 'react';
import { decodeTensor, type EncodedTensor } from '../../api/tensor';
import { formatSeconds } from '../../domain/format';
import { heatRaster, imageRaster, type Layout } from '../../domain/raster';
import type { Content, Feed } from '../../live/feed';
import { useFeed, useFeedProblem, useFrame } from '../../live/hooks';
import type { SignalInterest } from '../../live/interest';
import { drawPicture, drawRaster } from '../../ui/draw';

interface Props {
  readonly signal: SignalInterest | undefined;
  readonly label: string;
  readonly layout?: Layout;
  /** Shown until the first picture comes, and while there is none. */
  readonly quiet: string;
  /** Said where there turns out to be no such signal: a picture is not to be counted upon. Absent: the zoo's reason. */
  readonly without?: string | undefined;
  /** Whether new pictures are expected: only then an old one is remarked on. */
  readonly moving: boolean;
  /** Shown until the first live picture comes. */
  readonly still?: EncodedTensor | null | undefined;
  readonly className?: string;
}

const REMARK_AFTER_MS = 2500;

export function LiveScreen({ signal, label, layout = 'HWC', quiet, without, moving, still, className = '' }: Props) {
  const feed = useFeed(signal);
  const problem = useFeedProblem(feed);
  const canvas = useRef<HTMLCanvasElement>(null);
  const age = useRef<HTMLSpanElement>(null);
  const note = useRef<HTMLSpanElement>(null);
  const shown = useRef<{ readonly feed: Feed; readonly version: number }>(undefined);

  useEffect(() => {
    if (still === undefined || still === null) return undefined;
    let gone = false;
    void contentOf(still, label).then((content) => {
      if (!gone && shown.current === undefined && canvas.current !== null) draw(canvas.current, content, layout);
    });
    return () => {
      gone = true;
    };
  }, [still, label, layout]);

  useFrame((now) => {
    const source = feed();
    if (source === undefined || canvas.current === null) return;
    if (source.latest !== undefined && (shown.current?.feed !== source || shown.current.version !== source.version)) {
      shown.current = { feed: source, version: source.version };
      const fault = draw(canvas.current, source.latest.content, layout);
      if (note.current !== null) write(note.current, fault ?? '');
    }
    if (age.current !== null) {
      const stale = source.arrivedAtMs === undefined ? 0 : now - source.arrivedAtMs;
      write(age.current, moving && stale > REMARK_AFTER_MS ? `last frame ${formatSeconds(stale / 1000)} ago` : '');
    }
  });

  return (
    <div className={`screen ${className}`}>
      <canvas ref={canvas} role="img" aria-label={label} width={1} height={1} />
      <span ref={note} className="quiet">
        {problem === undefined ? quiet : (without ?? problem)}
      </span>
      <span ref={age} className="age" />
    </div>
  );
}

async function contentOf(tensor: EncodedTensor, label: string): Promise<Content> {
  try {
    const decoded = decodeTensor(tensor, label);
    return decoded.kind === 'array' ? { kind: 'array', array: decoded } : { kind: 'picture', bitmap: await createImageBitmap(decoded.jpeg) };
  } catch (error) {
    return { kind: 'fault', message: error instanceof Error ? error.message : String(error) };
  }
}

function draw(canvas: HTMLCanvasElement, content: Content, layout: Layout): string | undefined {
  switch (content.kind) {
    case 'picture':
      drawPicture(canvas, content.bitmap);
      return undefined;
    case 'array':
      drawRaster(canvas, imageRaster(content.array, layout) ?? heatRaster(content.array));
      return undefined;
    case 'fault':
      return content.message;
    case 'scalar':
    case 'text':
    case 'statistics':
    case 'histogram':
      return 'This signal is no picture.';
  }
}

function write(element: HTMLElement, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}
