/** Line icons on a 24-unit grid. Decoration only: whoever uses one says in words what it means. */

const PATHS = {
  alert: 'M12 8v5M12 16.500v.01M10.300 4.200 2.800 17.500a2 2 0 0 0 1.700 3h15a2 2 0 0 0 1.700-3L13.700 4.200a2 2 0 0 0-3.400 0z',
  back: 'M15 5l-7 7 7 7',
  check: 'M4.500 12.500l5 5 10-11',
  chevron: 'M9 5l7 7-7 7',
  close: 'M6 6l12 12M18 6L6 18',
  compare: 'M8 4v16M16 4v16M8 4H4v16h4M16 4h4v16h-4M11 12h2',
  ended: 'M6 6h12v12H6z',
  globe: 'M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM3 12h18M12 3c2.500 2.600 3.800 5.600 3.800 9s-1.300 6.400-3.800 9c-2.500-2.600-3.800-5.600-3.800-9S9.500 5.600 12 3z',
  info: 'M12 11v6M12 7.500v.01M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18z',
  hand: 'M8 12V6.500a1.500 1.500 0 0 1 3 0V11M11 11V4.500a1.500 1.500 0 0 1 3 0V11M14 11V6.500a1.500 1.500 0 0 1 3 0V14c0 4-2.500 6.500-6 6.500-3 0-4.300-1.300-5.800-4L3.800 13.500a1.500 1.500 0 0 1 2.600-1.500L8 14',
  more: 'M5.500 12v.01M12 12v.01M18.500 12v.01',
  moon: 'M20 14.500A8.500 8.500 0 0 1 9.500 4a8.500 8.500 0 1 0 10.500 10.500z',
  pause: 'M8.500 5v14M15.500 5v14',
  play: 'M7 4.500v15l12-7.500z',
  plus: 'M12 5v14M5 12h14',
  question: 'M9.200 9a2.900 2.900 0 1 1 4.300 2.500c-1 .6-1.500 1.200-1.500 2.500M12 17.500v.01M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18z',
  record: 'M12 5a7 7 0 1 0 0 14 7 7 0 0 0 0-14z',
  reset: 'M4 5v5h5M4.600 10A8 8 0 1 1 4 14.500',
  rule: 'M4 20h4L19 9l-4-4L4 16zM13 7l4 4',
  save: 'M5 4h11l4 4v12H4V5a1 1 0 0 1 1-1zM8 4v5h7V4M8 20v-6h8v6',
  search: 'M10.500 4a6.500 6.500 0 1 0 0 13 6.500 6.500 0 0 0 0-13zM15.500 15.500L20.500 20.500',
  stepback: 'M18 5v14l-9-7zM5.500 5v14',
  step: 'M6 5v14l9-7zM18.500 5v14',
  swap: 'M4 8h15l-4-4M20 16H5l4 4',
  trash: 'M4 7h16M9 7V4h6v3M6.500 7l1 13h9l1-13',
  upload: 'M12 16V4M7 9l5-5 5 5M4 16v4h16v-4',
  wait: 'M12 3v4M12 17v4M3 12h4M17 12h4M5.600 5.600l2.900 2.900M15.500 15.500l2.900 2.900M5.600 18.400l2.900-2.900M15.500 8.500l2.900-2.900',
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { readonly name: IconName }) {
  return (
    <svg className="icon" viewBox="0 0 24 24" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}
