/** One model: what is known of it, and the lineage of all that was trained of it. */
import { Link } from 'wouter';
import { LineageQuery, ModelPageQuery } from '../../api/documents';
import { useAnswer } from '../../live/answer';
import { useMay } from '../../live/home';
import { Button } from '../../ui/Button';
import { Icon } from '../../ui/Icon';
import { Notice } from '../../ui/Notice';
import { Panel } from '../../ui/Panel';
import { LineageList } from '../checkpoints/LineageList';
import { useCheckpointPages } from '../checkpoints/pages';
import { Missing, PageHead } from '../PageHead';
import { Findings } from './Findings';

const PAGE = 30;
const EVERY_MS = 8000;

export function ModelView({ id }: { readonly id: string }) {
  const { data, error } = useAnswer(ModelPageQuery, { id }, { everyMs: EVERY_MS });
  const mayLaunch = useMay('LAUNCH');
  const model = data?.model ?? undefined;
  if (model === undefined) return <Missing what="model" answered={data !== undefined} error={error} />;
  return (
    <>
      <PageHead
        title={model.name}
        aside={
          mayLaunch &&
          model.launchable && (
            <Link href={`/launch?model=${encodeURIComponent(model.id)}`} className="button" data-tone="primary">
              <Icon name="play" />
              Launch {model.name}
            </Link>
          )
        }
      >
        {model.description ?? model.source}
      </PageHead>
      <div className="instance-grid">
        <div className="column">
          <Lineage modelId={model.id} />
        </div>
        <div className="column">
          <Findings model={model} />
          <Panel title="About it">
            <dl className="facts">
              <div>
                <dt>Source</dt>
                <dd className="mono">{model.source}</dd>
              </div>
              <div>
                <dt>Type</dt>
                <dd className="mono">{model.type}</dd>
              </div>
              {model.revision !== null && (
                <div>
                  <dt>Revision</dt>
                  <dd className="mono">{model.revision.slice(0, 12)}</dd>
                </div>
              )}
              {model.trainable !== null && (
                <div>
                  <dt>Learns</dt>
                  <dd>{model.trainable ? 'yes' : 'no'}</dd>
                </div>
              )}
            </dl>
          </Panel>
        </div>
      </div>
    </>
  );
}

function Lineage({ modelId }: { readonly modelId: string }) {
  const { checkpoints, answered, error, more, drop } = useCheckpointPages(LineageQuery, modelId, { first: PAGE, everyMs: EVERY_MS });
  return (
    <Panel title="Lineage" aside={checkpoints.length > 0 && <span className="soft small">{`${checkpoints.length}${more === undefined ? '' : '+'}`}</span>}>
      {error !== undefined && <Notice tone="bad">{error}</Notice>}
      {answered && checkpoints.length === 0 && <p className="soft">Nothing of it is saved yet. What its instances save appears here, each on the line of what it grew from.</p>}
      {checkpoints.length > 0 && <LineageList checkpoints={checkpoints} label="Checkpoints of this model, the newest first" modelId={modelId} onDeleted={drop} />}
      {more !== undefined && (
        <Button tone="plain" onClick={more}>
          Show older ones
        </Button>
      )}
    </Panel>
  );
}
