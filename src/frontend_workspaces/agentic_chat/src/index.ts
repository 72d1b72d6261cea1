// The components under their older place. They live in web/src/parts, and nothing is written here.
export { ApprovalDialog } from "../../../../web/src/parts/ApprovalDialog";
export { BudgetIndicator } from "../../../../web/src/parts/BudgetIndicator";
export { ProfileSelector } from "../../../../web/src/parts/ProfileSelector";
export { TraceViewer } from "../../../../web/src/parts/TraceViewer";
