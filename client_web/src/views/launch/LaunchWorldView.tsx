/** Launching a world on its own: choose its kind, fill in what it asks, go. */
import { useSearchParams } from 'wouter';
import { WorldsQuery, type EnvironmentOffer } from '../../api/documents';
import { useAnswer } from '../../live/answer';
import { useMay } from '../../live/home';
import { Field } from '../../ui/Field';
import { Notice } from '../../ui/Notice';
import { Panel } from '../../ui/Panel';
import { PageHead } from '../PageHead';
import { WorldForm } from './WorldForm';

export function LaunchWorldView() {
  const mayLaunch = useMay('LAUNCH_ENVIRONMENT');
  const { data, error } = useAnswer(WorldsQuery, {});
  return (
    <div className="narrow">
      <PageHead title="Launch a world">It runs on its own, and AInimals join it.</PageHead>
      {!mayLaunch && <Notice>You may look at this zoo, but not launch worlds in it.</Notice>}
      {error !== undefined && <Notice tone="bad">{error}</Notice>}
      {mayLaunch && data !== undefined && <Choose environments={data.environments.nodes} />}
    </div>
  );
}

function Choose({ environments }: { readonly environments: readonly EnvironmentOffer[] }) {
  const [query, setQuery] = useSearchParams();
  const chosen = environments.find(({ id }) => id === query.get('environment')) ?? environments[0];
  if (chosen === undefined) {
    return <Notice>This zoo offers no kinds of world. Its operator adds them to environments in the configuration.</Notice>;
  }
  return (
    <>
      <Panel title="World">
        <div className="fields">
          <Field label="Kind of world" hint={seatsText(chosen)}>
            {(wiring) => (
              <select
                {...wiring}
                className="input"
                value={chosen.id}
                onChange={(event) => setQuery({ environment: event.target.value }, { replace: true })}
              >
                {environments.map((environment) => (
                  <option key={environment.id} value={environment.id}>
                    {environment.name}
                  </option>
                ))}
              </select>
            )}
          </Field>
        </div>
      </Panel>
      <WorldForm key={chosen.id} environment={chosen} />
    </>
  );
}

function seatsText({ maxConnected }: EnvironmentOffer): string {
  return maxConnected === 1 ? 'One AInimal can join it' : `Up to ${maxConnected} AInimals can join it`;
}
