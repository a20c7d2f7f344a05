"""How the page of a night looks: one style sheet, light and dark, without anything from outside."""

from typing import Final

STYLE: Final = """
:root{color-scheme:light dark;--bg:#f7f7f5;--card:#fff;--ink:#1d2125;--soft:#667079;--line:#dfe2e5;
--working:#2e9e5b;--verifying:#56b881;--waiting:#e3a008;--holding:#c7952b;--acting:#2f7de1;
--deciding:#2f7de1;--asking:#9259d6;--blocked:#c04ab8;--stalled:#e0662b;--attention:#d6293e;
--paused:#7d8b99;--stood_down:#a5adb5;--completed:#bfe3cc;--discovering:#d5d9dd;--detached:#d5d9dd;
--stop:#d6293e;--prompt:#2f7de1;--notice:#9259d6;--rail:#e0662b;--person:#1d2125;--good:#2e9e5b}
@media (prefers-color-scheme:dark){:root{--bg:#14171a;--card:#1c2024;--ink:#e7eaed;--soft:#95a0aa;
--line:#30363c;--working:#37b56b;--verifying:#2c8a54;--waiting:#d99a12;--completed:#244c34;
--stood_down:#59636d;--discovering:#3a4149;--detached:#3a4149;--person:#e7eaed;--stop:#ff5b6e;
--prompt:#5ba1ff;--notice:#b98af0;--good:#37b56b}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--ink);font:14px/1.45 system-ui,"Segoe UI",sans-serif}
main{max-width:1320px;margin:0 auto;padding:28px 24px 60px}
h1{font-size:22px;margin:0 0 2px}h2{font-size:15px;margin:32px 0 10px}
.soft{color:var(--soft)}.num{font-variant-numeric:tabular-nums}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:10px;margin:20px 0}
.card{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:10px 14px}
.card b{display:block;font-size:20px;font-variant-numeric:tabular-nums}
.card span{color:var(--soft);font-size:12px}
.chart{background:var(--card);border:1px solid var(--line);border-radius:10px;
padding:14px 18px 10px}
.lane{display:grid;grid-template-columns:170px 1fr;gap:14px;align-items:start;padding:8px 0}
.lane+.lane{border-top:1px solid var(--line)}
.name{font-weight:600;overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.name small{display:block;font-weight:400;color:var(--soft);overflow:hidden;text-overflow:ellipsis}
.track,.marks,.axis{position:relative;width:100%}
.track{height:26px;background:var(--bg);border-radius:4px}
.marks{height:38px}.axis{height:18px;color:var(--soft);font-size:11px}
.grid{position:absolute;top:0;bottom:0;width:1px;background:var(--line);opacity:.7}
.axis span{position:absolute;transform:translateX(-50%);white-space:nowrap}
.span{position:absolute;top:0;bottom:0;min-width:2px}
.span:first-of-type{border-radius:4px 0 0 4px}
.mark{position:absolute;width:9px;height:9px;top:4px;transform:translateX(-50%)}
.mark:before{content:"";position:absolute;inset:0;border-radius:50%;background:currentColor}
.mark.stop:before{border-radius:1px;width:3px;height:13px;top:-2px;left:3px}
.mark.prompt:before{border-radius:0;clip-path:polygon(50% 0,100% 100%,0 100%)}
.mark.prompt,.mark.act,.mark.person{top:16px}.mark.notice,.mark.rail{top:28px}
.mark.rail:before{border-radius:0;transform:rotate(45deg) scale(.8)}
.mark.person:before{border-radius:2px}
.mark.stop{color:var(--stop)}.mark.prompt{color:var(--prompt)}.mark.notice{color:var(--notice)}
.mark.rail{color:var(--rail)}.mark.person{color:var(--person)}.mark.act{color:var(--soft)}
[data-tip]:hover{z-index:9;filter:brightness(1.12)}
[data-tip]:hover:after{content:attr(data-tip);position:absolute;z-index:10;left:50%;
top:calc(100% + 6px);transform:translateX(-50%);background:var(--ink);color:var(--bg);
padding:6px 10px;border-radius:6px;font-size:12px;line-height:1.35;
white-space:pre-line;width:max-content;max-width:340px;
pointer-events:none;overflow-wrap:anywhere}
.late[data-tip]:hover:after{left:auto;right:0;transform:none}
.early[data-tip]:hover:after{left:0;transform:none}
.legend{display:flex;flex-wrap:wrap;gap:6px 16px;margin-top:10px;color:var(--soft);font-size:12px}
.legend i{display:inline-block;width:12px;height:12px;border-radius:3px;margin-right:6px;
vertical-align:-1px}
.legend .mark{position:relative;display:inline-block;top:1px!important;left:5px;margin-right:8px}
table{border-collapse:collapse;width:100%;background:var(--card);border:1px solid var(--line);
border-radius:10px;overflow:hidden}
td,th{padding:6px 12px;text-align:left;border-top:1px solid var(--line);vertical-align:top;
overflow-wrap:anywhere}
th{font-weight:600;color:var(--soft);border-top:0;font-size:12px}
.right{text-align:right}.bad{color:var(--attention);font-weight:600}.ok{color:var(--good)}
details{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:8px 14px}
summary{cursor:pointer;font-weight:600}
.log{font:12px/1.5 ui-monospace,Menlo,Consolas,monospace;overflow-x:auto;margin-top:8px}
.log div{display:grid;grid-template-columns:76px 90px 64px 150px 1fr;gap:10px;white-space:pre-wrap;
overflow-wrap:anywhere}
.log .stop{color:var(--stop)}.log .do{color:var(--prompt)}.log .tell{color:var(--notice)}
.log .works{color:var(--good)}.log .rail{color:var(--rail)}
@media (max-width:720px){.lane{grid-template-columns:1fr}
.log div{grid-template-columns:70px 60px 1fr}}
"""
