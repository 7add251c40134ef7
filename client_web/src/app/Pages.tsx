/** The frame around every page, and which page is shown. */
import { Suspense, useEffect, useRef, useState } from 'react';
import { Link, Route, Switch, useLocation } from 'wouter';
import { HomeQuery } from '../api/documents';
import { useAnswer } from '../live/answer';
import { HomeContext, useHome, useMay } from '../live/home';
import { ConnectionContext, type Connection } from '../live/hooks';
import { Button } from '../ui/Button';
import { Icon } from '../ui/Icon';
import { Logo } from '../ui/Logo';
import { useShortcuts } from '../ui/shortcuts';
import { Toasts } from '../ui/Toasts';
import { ZooView } from '../views/zoo/ZooView';
import { LiveBadge } from './LiveBadge';
import { PageBoundary } from './PageBoundary';
import { page } from './pages';
import { ShortcutSheet } from './ShortcutSheet';

const LaunchView = page('launch', () => import('../views/launch/LaunchView').then((module) => module.LaunchView));
const LaunchWorldView = page('launch-world', () => import('../views/launch/LaunchWorldView').then((module) => module.LaunchWorldView));
const InstanceView = page('instance', () => import('../views/instance/InstanceView').then((module) => module.InstanceView));
const AddModelView = page('add-model', () => import('../views/model/AddModelView').then((module) => module.AddModelView));
const ModelView = page('model', () => import('../views/model/ModelView').then((module) => module.ModelView));
const CompareView = page('compare', () => import('../views/compare/CompareView').then((module) => module.CompareView));
const RecordingView = page('recording', () => import('../views/recording/RecordingView').then((module) => module.RecordingView));
const WorldView = page('world', () => import('../views/world/WorldView').then((module) => module.WorldView));

interface Props {
  readonly connection: Connection;
  /** Whether this zoo serves the page itself: then there is no other to choose. */
  readonly own: boolean;
  readonly onLeave: () => void;
}

export function Pages({ connection, own, onLeave }: Props) {
  return (
    <ConnectionContext value={connection}>
      <Toasts>
        <Framed own={own} onLeave={onLeave} />
      </Toasts>
    </ConnectionContext>
  );
}

function Framed({ own, onLeave }: Omit<Props, 'connection'>) {
  const home = useAnswer(HomeQuery, {}, { everyMs: 10_000 });
  const main = useRef<HTMLElement>(null);
  const [sheet, setSheet] = useState(false);
  const [place] = useLocation();
  useShortcuts({ '?': () => setSheet(true) });

  const name = home.data?.server.name ?? 'Zookeeper';
  useEffect(() => {
    document.title = name;
  }, [name]);
  useEffect(() => {
    // Without braces the promise that newer browsers answer with would be taken for a clean-up function.
    window.scrollTo(0, 0);
  }, [place]);

  return (
    <HomeContext value={home.data}>
      <a
        href="#main"
        className="skip"
        onClick={(event) => {
          event.preventDefault();
          main.current?.focus();
        }}
      >
        Skip to the page
      </a>
      <TopBar name={name} own={own} onLeave={onLeave} onSheet={() => setSheet(true)} />
      <main ref={main} id="main" tabIndex={-1} className="page">
        <PageBoundary key={place}>
          <Suspense fallback={<p className="soft">…</p>}>
            <Switch>
              <Route path="/" component={ZooView} />
              <Route path="/launch" component={LaunchView} />
              <Route path="/launch/world" component={LaunchWorldView} />
              <Route path="/instances/:id">{({ id }) => <InstanceView key={id} id={id} />}</Route>
              <Route path="/recordings/:id">{({ id }) => <RecordingView key={id} id={id} />}</Route>
              <Route path="/models/new" component={AddModelView} />
              <Route path="/models/:id">{({ id }) => <ModelView key={id} id={id} />}</Route>
              <Route path="/compare" component={CompareView} />
              <Route path="/worlds/:id">{({ id }) => <WorldView key={id} id={id} />}</Route>
              <Route>
                <div className="empty">
                  <h1>No such page</h1>
                  <Link href="/" className="button">
                    Back to the zoo
                  </Link>
                </div>
              </Route>
            </Switch>
          </Suspense>
        </PageBoundary>
      </main>
      {sheet && <ShortcutSheet onClose={() => setSheet(false)} />}
    </HomeContext>
  );
}

interface TopBarProps {
  readonly name: string;
  readonly own: boolean;
  readonly onLeave: () => void;
  readonly onSheet: () => void;
}

function TopBar({ name, own, onLeave, onSheet }: TopBarProps) {
  const [place] = useLocation();
  const mayLaunch = useMay('LAUNCH');
  const version = useHome()?.server.version;
  return (
    <header className="top">
      <nav className="top-inner" aria-label="Main">
        <Link href="/" className="brand" title={version === undefined ? name : `${name}, AInimal Zookeeper ${version}`} aria-current={place === '/' ? 'page' : undefined}>
          <Logo />
          <span>{name}</span>
        </Link>
        <LiveBadge />
        <span className="grow" />
        {!own && (
          <Button tone="plain" icon="swap" aria-label="Choose another zoo" title="Choose another zoo" data-square onClick={onLeave} />
        )}
        <Button tone="plain" icon="question" aria-label="Keyboard shortcuts" title="Keyboard shortcuts" data-square data-keys onClick={onSheet} />
        {mayLaunch && !place.startsWith('/launch') && (
          <Link href="/launch" className="button" data-tone="primary">
            <Icon name="plus" />
            Launch
          </Link>
        )}
      </nav>
    </header>
  );
}
