"""The one style sheet of HTML reports: light and dark, phone and paper, without anything from elsewhere."""

STYLE = """
:root { color-scheme: light dark; --ink: #1c2430; --soft: #5a6675; --line: #d9dfe7; --page: #ffffff; --tile: #f4f7fa; --bar: #2f6fab;
  --good: #1d7a46; --bad: #b3261e; --warn: #8a5a00 }
@media (prefers-color-scheme: dark) { :root { --ink: #e6ebf1; --soft: #9aa7b6; --line: #35404d; --page: #12171d; --tile: #1b222b;
  --bar: #6ea8dd; --good: #62c48d; --bad: #f2857c; --warn: #e2b356 } }
* { box-sizing: border-box }
body { margin: 0 auto; max-width: 84rem; padding: 1.25rem; background: var(--page); color: var(--ink);
  font: 16px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; overflow-wrap: anywhere }
time { white-space: nowrap }
h1 { font-size: 1.5rem; line-height: 1.2; margin: 0 0 .5rem }
h2 { font-size: 1rem; margin: 0 0 .5rem }
section, figure { margin: 1.75rem 0 0 }
dl { margin: 0 }
.facts, .notes { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; font-size: .875rem; color: var(--soft) }
.facts dd, .notes dd { margin: 0; color: var(--ink) }
.tiles { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, max(10rem, 18%)), 1fr)); gap: .6rem; margin-top: .6rem }
.facts + .tiles { margin-top: 1.25rem }
.tiles div { background: var(--tile); border-radius: .5rem; padding: .6rem .8rem }
.tiles dt { font-size: .8rem; color: var(--soft) }
.tiles dd { margin: 0; font-size: 1.15rem; font-weight: 600; overflow-wrap: normal }
.tiles dd, td, th, .axis, .line { font-variant-numeric: tabular-nums }
figcaption { font-size: .875rem; color: var(--soft); margin-bottom: .4rem }
svg { display: block; width: 100%; fill: var(--bar) }
.columns { height: 9rem; border-bottom: 1px solid var(--line) }
.slot { fill: transparent }
g:hover .slot { fill: var(--line) }
.axis { display: flex; justify-content: space-between; font-size: .75rem; color: var(--soft); margin-top: .25rem }
.each span { flex: 1; text-align: center }
.line { display: grid; grid-template: "name bar amount" / minmax(6rem, 16rem) 1fr 9.5rem; gap: 0 .75rem; align-items: center;
  font-size: .875rem; padding: .15rem 0 }
.line .lying { grid-area: bar }
.line .amount { grid-area: amount; text-align: right; overflow-wrap: normal }
.lying { height: .9rem; background: var(--tile) }
.scroll { overflow-x: auto }
table { border-collapse: collapse; width: 100%; font-size: .875rem; overflow-wrap: normal }
th, td { padding: .35rem .5rem; text-align: left; border-bottom: 1px solid var(--line) }
th { font-weight: 600 }
thead th { border-bottom: 2px solid var(--soft); white-space: nowrap; vertical-align: bottom }
tbody th { font-weight: 400; white-space: nowrap }
.name { white-space: normal; overflow-wrap: anywhere; min-width: min(16rem, 40vw) }
.n { text-align: right; white-space: nowrap }
tr > :first-child { position: sticky; left: 0; background: var(--page) }
tfoot td, tfoot th { font-weight: 600; border-bottom: 0 }
tfoot tr:first-child > * { border-top: 2px solid var(--soft) }
tbody tr:hover > * { background: var(--tile) }
.ok { color: var(--good) } .error { color: var(--bad) } .warning { color: var(--warn) }
.notes dd.ok { color: var(--good) } .notes dd.error { color: var(--bad) } .notes dd.warning, .facts dd.warning { color: var(--warn) }
@media (max-width: 40rem) {
  .facts, .notes { grid-template-columns: 1fr; gap: 0 }
  .facts dd, .notes dd { margin-bottom: .35rem }
  .line { grid-template: "name amount" "bar bar" / 1fr max-content; padding: .3rem 0 }
}
@media print {
  @page { margin: 12mm }
  :root { color-scheme: light; --ink: #000; --soft: #444; --line: #bbb; --page: #fff; --tile: #fff; --bar: #456; --good: #000;
    --bad: #000; --warn: #000 }
  body { max-width: none; padding: 0; font-size: 10pt; print-color-adjust: exact }
  .scroll { overflow: visible }
  .tiles { grid-template-columns: repeat(5, 1fr) } .tiles div { border: 1px solid var(--line) } .tiles dd { font-size: 11pt }
  table { font-size: 7.5pt } th, td { padding: .15rem .3rem }
  tr, figure, .tiles div { break-inside: avoid }
  thead { display: table-header-group } tfoot { display: table-row-group }
  tr > :first-child { position: static } .name { min-width: 7rem }
}
""".strip()
