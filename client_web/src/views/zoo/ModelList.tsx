/** What can be launched, each with its page; folded away, since most come for what runs. */
import { Link } from 'wouter';
import { ModelNamesQuery } from '../../api/documents';
import { useAnswer } from '../../live/answer';
import { useMay } from '../../live/home';
import { Icon } from '../../ui/Icon';
import { FoldedPanel } from '../../ui/Panel';
import { ScanBadge } from '../model/Findings';

export function ModelList() {
  const { data } = useAnswer(ModelNamesQuery, {}, { everyMs: 30_000 });
  const models = data?.models.nodes ?? [];
  const mayCreate = useMay('CREATE_MODEL');
  if (models.length === 0 && !mayCreate) return null;
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
            {model.scan !== null && model.scan !== 'CLEAN' && <ScanBadge scan={model.scan} />}
          </li>
        ))}
      </ul>
      {mayCreate && (
        <Link href="/models/new" className="button">
          <Icon name="upload" />
          Add a model
        </Link>
      )}
    </FoldedPanel>
  );
}
