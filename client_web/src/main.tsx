import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './app/App';
import './styles/tokens.css';
import './styles/base.css';
import './styles/ui.css';
import './styles/menu.css';
import './styles/frame.css';
import './styles/home.css';
import './styles/connect.css';
import './styles/launch.css';
import './styles/model.css';
import './styles/instance.css';
import './styles/signals.css';
import './styles/override.css';
import './styles/drive.css';
import './styles/recording.css';
import './styles/log.css';
import './styles/checkpoints.css';
import './styles/compare.css';
import './styles/facts.css';
import './styles/conversation.css';
import './styles/narrow.css';

const root = document.getElementById('app');
if (root === null) throw new Error('index.html has no #app');
createRoot(root).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
