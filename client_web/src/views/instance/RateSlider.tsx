import { useId, useState } from 'react';
import { LAST_POSITION, positionOf, rateAt, rateText } from '../../domain/rate';

/** The speed: asked for when the hand lets go, shown while it moves. */
export function RateSlider({ rate, onRate }: { readonly rate: number | null; readonly onRate: (rate: number | null) => void }) {
  const id = useId();
  const [dragged, setDragged] = useState<number>();
  const position = dragged ?? positionOf(rate);
  const shown = dragged === undefined ? rate : rateAt(dragged);
  const commit = (): void => {
    if (dragged === undefined) return;
    setDragged(undefined);
    if (rateAt(dragged) !== rate) onRate(rateAt(dragged));
  };
  return (
    <div className="rate">
      <label htmlFor={id}>Speed</label>
      <input
        id={id}
        type="range"
        min={0}
        max={LAST_POSITION}
        step={1}
        value={position}
        aria-valuetext={rateText(shown)}
        onChange={(event) => setDragged(Number(event.target.value))}
        onPointerUp={commit}
        onKeyUp={commit}
        onBlur={commit}
      />
      <output className="soft small">{rateText(shown)}</output>
    </div>
  );
}
