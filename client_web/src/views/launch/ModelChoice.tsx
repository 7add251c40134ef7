import type { ModelOffer } from '../../api/documents';
import { Icon } from '../../ui/Icon';
import { ScanBadge } from '../model/Findings';

interface Props {
  readonly models: readonly ModelOffer[];
  readonly chosen: ModelOffer | undefined;
  readonly search: string;
  readonly onSearch: (search: string) => void;
  readonly onChoose: (model: ModelOffer) => void;
}

const SEARCH_FROM = 8;

export function ModelChoice({ models, chosen, search, onSearch, onChoose }: Props) {
  const words = search.toLowerCase();
  const found = models.filter((model) => `${model.name} ${model.description ?? ''} ${model.source}`.toLowerCase().includes(words));
  return (
    <fieldset className="model-choice">
      <legend>
        <h2>Model</h2>
      </legend>
      {models.length >= SEARCH_FROM && (
        <label className="search">
          <span className="unseen">Search models</span>
          <Icon name="search" />
          <input className="input" type="search" placeholder="Search models" value={search} onChange={(event) => onSearch(event.target.value)} />
        </label>
      )}
      <div className="model-cards">
        {found.map((model) => (
          <label key={model.id} className="model-card">
            <input type="radio" name="model" checked={model === chosen} onChange={() => onChoose(model)} />
            <span className="model-name">{model.name}</span>
            <span className="soft small">{model.description ?? model.source}</span>
            {model.scan !== null && model.scan !== 'CLEAN' && <ScanBadge scan={model.scan} />}
            {(model.launchable ? [] : model.findings).map((finding) => (
              <span key={finding} className="trouble small">
                <Icon name="alert" />
                {finding}
              </span>
            ))}
          </label>
        ))}
      </div>
      {found.length === 0 && <p className="soft">No model matches “{search}”.</p>}
    </fieldset>
  );
}
