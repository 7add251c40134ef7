/** Keeps the frame around a page that cannot be shown. */
import { Component, type ReactNode } from 'react';
import { Link } from 'wouter';
import { Button } from '../ui/Button';

interface Props {
  readonly children: ReactNode;
}

interface State {
  readonly failed: boolean;
}

export class PageBoundary extends Component<Props, State> {
  override state: State = { failed: false };

  static getDerivedStateFromError(): State {
    return { failed: true };
  }

  override render(): ReactNode {
    if (!this.state.failed) return this.props.children;
    return (
      <div className="empty" role="alert">
        <h1>This page cannot be shown</h1>
        <p className="soft">The zoo may be out of reach or have been upgraded; what runs in it is not touched by that.</p>
        <Button tone="primary" icon="reset" onClick={() => location.reload()}>
          Load it again
        </Button>
        <Link href="/" className="button">
          Back to the zoo
        </Link>
      </div>
    );
  }
}
