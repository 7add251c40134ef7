/** The mark: a tiger, drawn from few strokes so that it holds at 28 pixels. */
export function Logo({ size = 34 }: { readonly size?: number }) {
  return (
    <svg width={size} height={size} viewBox="10 9 44 47" aria-hidden="true" className="logo">
      <path
        className="logo-face"
        d="M11 15.500c0-3 3.400-4.300 5.600-2.600l6 4.600a25 25 0 0 1 18.800 0l6-4.600c2.200-1.700 5.600-.4 5.600 2.600v17.200C53 45.500 44.500 54 32 54S11 45.500 11 32.700z"
      />
      <g className="logo-stripes">
        <path d="M32 16l3.200 11.500c.5 2-1 3.500-3.200 3.500s-3.700-1.500-3.200-3.500z" />
        <path d="M11 31l9.500 2.200L11 37zM53 31l-9.500 2.200L53 37zM13 42l9-.8-6 6.600zM51 42l-9-.8 6 6.600z" />
        <circle cx="23.500" cy="28.500" r="3" />
        <circle cx="40.500" cy="28.500" r="3" />
        <path d="M27.500 39h9L32 44z" />
      </g>
    </svg>
  );
}
