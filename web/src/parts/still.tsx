/** Stands in for `react-remove-scroll`, which writes style elements that the page's own policy forbids. The page beneath
 * a dialog keeps still by the style sheet (`.veil`). */

import type { ElementType, ReactNode } from "react";

interface Props {
  readonly as?: ElementType;
  readonly children?: ReactNode;
  readonly allowPinchZoom?: boolean;
  readonly shards?: unknown;
}

export function RemoveScroll({ as: As = "div", allowPinchZoom: _zoom, shards: _shards, children, ...rest }: Props) {
  return <As {...rest}>{children}</As>;
}
