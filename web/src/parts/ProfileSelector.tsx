/** Under which rules a goal runs. The system's own list of choices: it works with any keyboard and any thumb. */

import type { Profile } from "../wire/shapes";
import { t } from "../words/en";
import { Icon } from "./icons";

interface Props {
  readonly profiles: readonly Profile[];
  readonly value: string;
  readonly onPick: (name: string) => void;
}

export function meaningOf(profile: Profile): string {
  const outside = profile.simulatesExecute ? t.profiles.simulates : t.profiles.outside;
  return [t.profiles.calls(profile.limits.calls), t.profiles.human[profile.approvals.propose] ?? "", outside].filter(Boolean).join(", ");
}

export function ProfileSelector({ profiles, value, onPick }: Props) {
  return (
    <label className="picker">
      <span className="hush">{t.profiles.label}</span>
      <Icon name="policy" size={16} />
      <select value={value} onChange={(event) => onPick(event.target.value)} disabled={!profiles.length}>
        {!profiles.length && <option value="">{t.common.loading}</option>}
        {profiles.map((profile) => (
          <option key={profile.name} value={profile.name}>
            {profile.name}
          </option>
        ))}
      </select>
      <Icon name="down" size={14} />
    </label>
  );
}
