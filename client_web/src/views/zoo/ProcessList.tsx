/** Programs that the zoo keeps running beside itself. */
import { useHome } from '../../live/home';
import { Icon } from '../../ui/Icon';
import { Panel } from '../../ui/Panel';

export function ProcessList() {
  const processes = useHome()?.server.processes ?? [];
  if (processes.length === 0) return null;
  return (
    <Panel title="Beside the zoo">
      <ul className="rows">
        {processes.map((process) => (
          <li key={process.name}>
            <div className="row-main">
              {process.url === null ? <span>{process.name}</span> : <a href={process.url}>{process.name}</a>}
              {process.restarts > 0 && (
                <p className="soft small">
                  started again {process.restarts} {process.restarts === 1 ? 'time' : 'times'}
                </p>
              )}
            </div>
            <span className="badge" data-tone={process.running ? 'good' : 'bad'}>
              <Icon name={process.running ? 'play' : 'alert'} />
              {process.running ? 'Running' : 'Down'}
            </span>
          </li>
        ))}
      </ul>
    </Panel>
  );
}
