// What stands in the form: kept in this tab, so that neither a reload nor an error loses it.

const KEY = "gesso.draw";

/** As the API names its parameters; `source` is { name, data, width, height }, and `strokes` are what was painted on it. */
export const EMPTY = {
  prompt: "", negative_prompt: "", model: "", size: "auto", width: "", height: "", n: "1", seed: "", source: null, strokes: [],
};

export function keptDraft(account) {
  try {
    const kept = JSON.parse(sessionStorage.getItem(KEY));
    // Somebody else may have used this tab before.
    return kept?.account === account ? { ...EMPTY, ...kept.draft } : { ...EMPTY };
  } catch {
    return { ...EMPTY };
  }
}

export function keepDraft(account, draft) {
  try {
    sessionStorage.setItem(KEY, JSON.stringify({ account, draft }));
  } catch {
    // A browser keeps some megabytes; the words matter most.
    if (draft.source) keepDraft(account, { ...draft, source: null, strokes: [] });
  }
}
