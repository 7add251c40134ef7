/** The lines of one checkpoint in the picture of its lineage. Words beside it say the same. */
import type { LineageRow } from '../../domain/lineage';

const LANE = 14;
const EDGE = 8;
const DOT = 22;
const TURN = 44;
/** Lanes that have a place of their own; those beyond share the last. */
const LANES = 8;

const at = (lane: number): number => EDGE + Math.min(lane, LANES - 1) * LANE;

export function LineageLines({ row, lanes }: { readonly row: LineageRow; readonly lanes: number }) {
  const x = at(row.lane);
  return (
    <svg className="lineage-lines" width={at(Math.max(0, lanes - 1)) + EDGE} aria-hidden="true">
      {row.passing.map(({ from, to }) =>
        from === to ? <line key={from} data-lane={from % 4} x1={at(from)} x2={at(from)} y1="0" y2="100%" /> : <Turning key={from} from={from} to={to} begin={0} />,
      )}
      {row.grownFrom && <line data-lane={row.lane % 4} x1={x} x2={x} y1="0" y2={DOT} />}
      {row.below.map((lane) =>
        lane === row.lane ? <line key={lane} data-lane={lane % 4} x1={x} x2={x} y1={DOT} y2="100%" /> : <Turning key={lane} from={row.lane} to={lane} begin={DOT} />,
      )}
      {row.loose && <line className="lineage-loose" data-lane={row.lane % 4} x1={x} x2={x} y1={DOT} y2={TURN} />}
      <circle data-lane={row.lane % 4} cx={x} cy={DOT} r="4.5" />
    </svg>
  );
}

function Turning({ from, to, begin }: { readonly from: number; readonly to: number; readonly begin: number }) {
  const [start, end] = [at(from), at(to)];
  const middle = (DOT + TURN) / 2;
  return (
    <>
      <path data-lane={Math.max(from, to) % 4} d={`M${start} ${begin}V${DOT}C${start} ${middle} ${end} ${middle} ${end} ${TURN}`} />
      <line data-lane={to % 4} x1={end} x2={end} y1={TURN} y2="100%" />
    </>
  );
}
