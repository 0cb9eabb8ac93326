#include "services/gateway/api_page.h"

#include <string.h>

static const char PAGE[] = "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Kongsi API</title>\n"
                           "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                           "<link rel=\"stylesheet\" href=\"/api.css\"></head>\n"
                           "<body><header><h1>Kongsi API</h1><p id=\"intro\"></p>\n"
                           "<p><a href=\"/openapi.json\">openapi.json</a></p>\n"
                           "<label>Find <input id=\"find\" type=\"search\"></label></header>\n"
                           "<main id=\"operations\" aria-live=\"polite\">Loading…</main>\n"
                           "<script src=\"/api.js\"></script></body></html>\n";

static const char STYLE[] =
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:0 auto;padding:1rem;color:#1a1a1a;background:#fff}\n"
    "h2{margin-top:2rem;border-bottom:1px solid #ccc}\n"
    "details{border:1px solid #ccc;border-radius:6px;margin:.5rem 0;padding:.5rem .75rem}\n"
    "summary{cursor:pointer}code,pre{font-family:ui-monospace,monospace;font-size:.9em}\n"
    "pre{background:#f4f4f4;padding:.75rem;overflow:auto;border-radius:6px}\n"
    ".verb{display:inline-block;min-width:4.5rem;font-weight:700}table{border-collapse:collapse;width:100%}\n"
    "td,th{border:1px solid #ddd;padding:.25rem .5rem;text-align:left;vertical-align:top}\n"
    "@media(prefers-color-scheme:dark){body{color:#eee;background:#161616}a{color:#8ab4ff}pre{background:#242424}\n"
    "td,th,details,h2{border-color:#444}}\n";

/* Builds the page with text nodes only, so that nothing in the document is ever read as HTML. */
static const char SCRIPT[] =
    "'use strict';\n"
    "const make=(tag,text,parent,cls)=>{const e=document.createElement(tag);if(text)e.textContent=text;\n"
    " if(cls)e.className=cls;parent.append(e);return e;};\n"
    "const name=s=>s.$ref?s.$ref.split('/').pop():s.type==='array'?name(s.items||{})+'[]':\n"
    " [s.type||'any',s.format?'('+s.format+')':''].join(' ').trim();\n"
    "const limits=s=>Object.entries(s).filter(([k])=>/^(min|max)/.test(k)||k==='pattern')\n"
    " .map(([k,v])=>k+' '+v).concat(s.enum?[s.enum.join(' | ')]:[]).join(', ');\n"
    "function table(rows,parent){const t=make('table','',parent);const h=make('tr','',t);\n"
    " for(const c of ['Name','Type','Limits','Meaning'])make('th',c,h);\n"
    " for(const r of rows){const tr=make('tr','',t);for(const c of r)make('td',c,tr);}}\n"
    "function properties(doc,schema,parent){const "
    "s=schema.$ref?doc.components.schemas[schema.$ref.split('/').pop()]:schema;\n"
    " if(!s||!s.properties)return;const required=s.required||[];\n"
    " table(Object.entries(s.properties).map(([k,v])=>[k+(required.includes(k)?' "
    "*':''),name(v),limits(v),v.description||'']),parent);}\n"
    "function operation(doc,path,verb,op,parent){const d=make('details','',parent);d.dataset.text=(path+' "
    "'+op.operationId+' '+\n"
    " (op.description||'')).toLowerCase();const "
    "s=make('summary','',d);make('span',verb.toUpperCase(),s,'verb');make('code',path,s);\n"
    " make('p',op.description||op.summary||'',d);\n"
    " if(op['x-kongsi-permission'])make('p','Permission: '+op['x-kongsi-permission'],d);\n"
    " const ps=(op.parameters||[]).map(p=>p.$ref?doc.components.parameters[p.$ref.split('/').pop()]:p);\n"
    " if(ps.length){make('h4','Parameters',d);table(ps.map(p=>[p.name+' ('+p.in+')'+(p.required?' "
    "*':''),name(p.schema||{}),\n"
    "  limits(p.schema||{}),p.description||'']),d);}\n"
    " const body=op.requestBody&&op.requestBody.content&&op.requestBody.content['application/json'];\n"
    " if(body){make('h4','Body: '+name(body.schema),d);properties(doc,body.schema,d);}\n"
    " make('h4','Answers',d);table(Object.entries(op.responses||{}).map(([code,r])=>{const x=r.$ref?\n"
    "  doc.components.responses[r.$ref.split('/').pop()]:r;const c=Object.values(x.content||{})[0];\n"
    "  return [code,c&&c.schema?name(c.schema):'','',x.description||''];}),d);\n"
    " const ok=(op.responses||{})['200'];const c=ok&&ok.content&&ok.content['application/json'];\n"
    " if(c)properties(doc,c.schema,d);}\n"
    "fetch('/openapi.json').then(r=>r.json()).then(doc=>{const "
    "main=document.getElementById('operations');main.textContent='';\n"
    " document.getElementById('intro').textContent=(doc.info.description||'')+' Version '+doc.info.version+'.';\n"
    " const groups=new Map();for(const [path,item] of Object.entries(doc.paths))for(const [verb,op] of "
    "Object.entries(item)){\n"
    "  if(!op.operationId)continue;const tag=(op.tags||['Other'])[0];if(!groups.has(tag)){const s=make('section','',main);\n"
    "  make('h2',tag,s);groups.set(tag,s);}operation(doc,path,verb,op,groups.get(tag));}\n"
    " document.getElementById('find').addEventListener('input',e=>{const q=e.target.value.toLowerCase();\n"
    "  for(const d of document.querySelectorAll('main>section>details'))d.hidden=!d.dataset.text.includes(q);});})\n"
    ".catch(e=>{document.getElementById('operations').textContent='Cannot load /openapi.json: '+e.message;});\n";

static struct err *add(struct static_site *site, const char *path, const char *type, const char *text)
{
    return static_site_add(site, path, type, (struct bytes){(const uint8_t *)text, strlen(text)});
}

struct err *api_page_add(struct static_site *site)
{
    ERR_TRY(add(site, "/api", "text/html; charset=utf-8", PAGE));
    ERR_TRY(add(site, "/api.css", "text/css; charset=utf-8", STYLE));
    return add(site, "/api.js", "text/javascript; charset=utf-8", SCRIPT);
}
