"""How the page of a report looks, on top of the style that the page of a rehearsed night has."""

from typing import Final

STYLE: Final = """
.bar-top{display:flex;flex-wrap:wrap;justify-content:space-between;gap:4px 24px;
align-items:baseline}
.wide{overflow-x:auto}.wide svg{min-width:760px}
.plot{display:block;width:100%;height:auto;font:12px system-ui,"Segoe UI",sans-serif}
.plot text{fill:var(--ink)}.plot .name{font-size:13px;font-weight:600}
.plot .soft,.plot .tick,.plot .count{fill:var(--soft);font-size:11px}
.plot .tick{text-anchor:middle}.plot .label{text-anchor:end}
.plot .rule{stroke:var(--line);stroke-width:1}.plot .track{fill:var(--bg);opacity:.6}
.plot .bar{fill:var(--prompt)}
.m.stop{fill:var(--stop)}.m.save{fill:var(--good)}.m.handed{fill:var(--attention)}
.m.person{fill:var(--person)}
.legend svg{vertical-align:-2px;margin-right:6px}
.two,.terms{margin-top:24px}.two{display:grid;grid-template-columns:repeat(auto-fit,minmax(340px,1fr));gap:14px}
.two .plot{max-width:620px}
.panel{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:14px 18px}
.panel h2{margin:0 0 12px}.panel.calm h2{margin:0}
.needs{border-left:5px solid var(--attention)}.calm{border-left:5px solid var(--good)}
.note{border-left:5px solid var(--waiting);margin:12px 0}
.needs p,.calm p,.note p{margin:0 0 6px}.needs p:last-child{margin:0}
code{font:12px ui-monospace,Menlo,Consolas,monospace;background:var(--bg);border-radius:4px;
padding:1px 6px;overflow-wrap:anywhere}
caption{text-align:left;font-size:15px;font-weight:600;padding:0 0 10px;caption-side:top}
.tables table{margin-top:30px;background:none;border:0;border-radius:0}
.tables tbody,.tables thead{background:var(--card)}
.tables td.n,.tables th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.tables td,.tables th{overflow-wrap:break-word}.tables td{min-width:70px}
.tables td.t{white-space:nowrap;font-variant-numeric:tabular-nums}
tbody th{color:var(--ink);font-size:14px;border-top:1px solid var(--line)}
dl{display:grid;grid-template-columns:minmax(130px,220px) 1fr;gap:6px 18px;margin:10px 0 4px}
dt{font-weight:600}dd{margin:0;color:var(--soft)}
footer{margin-top:34px;color:var(--soft);font-size:12px}
@media (max-width:720px){dl{grid-template-columns:1fr}dd{margin-bottom:8px}
main{padding:18px 12px 40px}.tables{overflow-x:auto}}
@media print{:root{color-scheme:light;--bg:#fff;--card:#fff;--ink:#000;--soft:#444;--line:#bbb;
--completed:#bfe3cc;--stood_down:#a5adb5;--discovering:#d5d9dd;--person:#000}
body{font-size:11px;-webkit-print-color-adjust:exact;print-color-adjust:exact}
main{max-width:none;padding:0}.wide{overflow:visible}.wide svg{min-width:0}
.panel,.chart,.card,tr{break-inside:avoid}details>*{display:block}}
"""
