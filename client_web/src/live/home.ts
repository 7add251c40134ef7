/** Who is looking at which zoo, for all pages. */
import { createContext, use } from 'react';
import type { Home } from '../api/documents';

export const HomeContext = createContext<Home | undefined>(undefined);

export function useHome(): Home | undefined {
  return use(HomeContext);
}

/** Whether the viewer may do something to the zoo as a whole; what may not be done is not shown. */
export function useMay(action: Home['viewer']['can'][number]): boolean {
  return useHome()?.viewer.can.includes(action) ?? false;
}
