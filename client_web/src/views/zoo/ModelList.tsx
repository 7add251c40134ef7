/** What can be launched, each with its page; folded away, since most come for what runs. */
import { Link } from 'wouter';
import { ModelNamesQuery } from '../../api/documents';
import { useAnswer } from '../../live/answer';
import { FoldedPanel } from '../../ui/Panel';

export function ModelList() {
  const { data } = useAnswer(ModelNamesQuery, {}, { everyMs: 30_000 });
  const models = data?.models.nodes ?? [];
  if (models.length === 0) return null;
  return (
    <FoldedPanel title="Models" count={data?.models.totalCount ?? models.length}>
      <ul className="rows">
        {models.map((model) => (
          <li key={model.id}>
            <div className="row-main">
              <Link href={`/models/${encodeURIComponent(model.id)}`}>{model.name}</Link>
              <p className="soft small">{model.description ?? model.source}</p>
            </div>
            {!model.launchable && <span className="badge" data-tone="bad">cannot be launched</span>}
          </li>
        ))}
      </ul>
    </FoldedPanel>
  );
}
