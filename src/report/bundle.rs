//! Modules of the page → one script without imports, because a page that is opened from disk may not load any.
//!
//! Each module becomes a function that returns what it exports. Understood are the forms that our modules and the vendored library use: named
//! imports, exported declarations and export lists. A module stands after those that it imports.

use std::fmt::Write as _;

/// A module: its path, and its text.
pub(super) type Module<'a> = (&'a str, &'a str);

/// The script.
pub(super) fn bundle(modules: &[Module<'_>]) -> String {
    let mut script = String::from("\"use strict\";\nconst modules = {};\n");
    for (path, source) in modules {
        let (body, exports) = convert(path, source);
        // Writing into a `String` cannot fail.
        let _never = write!(script, "modules[\"{path}\"] = (() => {{\n{body}\nreturn {{ {} }};\n}})();\n", exports.join(", ")).is_err();
    }
    // What would end the script's element, or make its end be overlooked.
    script.replace("</script", "<\\/script").replace("<!--", "<\\!--")
}

/// The body of the function, and the members of what it returns.
fn convert(path: &str, source: &str) -> (String, Vec<String>) {
    let (mut body, mut exports) = (String::new(), Vec::new());
    let mut left = source;
    while !left.is_empty() {
        // Imports end with a semicolon, and nothing in them has one.
        if left.starts_with("import ") {
            let (statement, after) = left.split_once(';').unwrap_or((left, ""));
            body.push_str(&converted_import(path, statement));
            left = after;
            continue;
        }
        let (line, after) = left.split_once('\n').unwrap_or((left, ""));
        left = after;
        if line.starts_with("//# sourceMappingURL") {
            continue;
        }
        let declaration = line.strip_prefix("export ").filter(|declaration| !declaration.starts_with('{'));
        if let Some(declaration) = declaration {
            exports.extend(declared_name(declaration).map(str::to_owned));
            body.push_str(declaration);
        } else if let Some((code, list)) = export_list(line) {
            exports.extend(list.split(',').map(|item| match item.trim().split_once(" as ") {
                Some((own, public)) => format!("{public}: {own}"),
                None => item.trim().to_owned(),
            }));
            body.push_str(code);
        } else {
            body.push_str(line);
        }
        body.push('\n');
    }
    (body, exports)
}

/// `import { a, b as c } from "./x.js"` as a declaration.
fn converted_import(path: &str, statement: &str) -> String {
    let Some((names, from)) = statement.trim_start_matches("import ").rsplit_once(" from ") else { return String::new() };
    let members: Vec<String> = names
        .trim()
        .trim_matches(['{', '}'])
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .map(|name| name.replace(" as ", ": "))
        .collect();
    format!("const {{ {} }} = modules[\"{}\"];", members.join(", "), resolved(path, from.trim().trim_matches('"')))
}

/// The code before an export list at the end of a line, and the list.
fn export_list(line: &str) -> Option<(&str, &str)> {
    let (code, list) = line.rsplit_once("export{").or_else(|| line.rsplit_once("export {"))?;
    Some((code, list.trim_end().strip_suffix("};")?))
}

/// The name in `async function name(`, `class Name`, `const name =`.
fn declared_name(declaration: &str) -> Option<&str> {
    let words = declaration.split(' ').find(|word| !["async", "function", "function*", "class", "const", "let"].contains(word))?;
    words.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$')).next()
}

/// The path that `relative` means in the module at `path`.
pub(super) fn resolved(path: &str, relative: &str) -> String {
    let mut parts: Vec<&str> = path.split('/').collect();
    parts.pop();
    for part in relative.split('/') {
        match part {
            "." => {}
            ".." => drop(parts.pop()),
            name => parts.push(name),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imports_and_exports_become_members() {
        let modules = [
            ("vendor/lib.js", "const t=1,e=2;export{t as html,e as nothing};\n//# sourceMappingURL=lib.js.map\n"),
            (
                "words.js",
                "export const count = 1;\nexport async function get(a) { return `</script>`; }\nexport class Log {}\nexport { day };\n",
            ),
            ("view/a.js", "import {\n  count,\n  get as ask,\n} from \"../words.js\";\nimport \"./b.js\";\nask(count);\n"),
        ];
        let expected = "\"use strict\";
const modules = {};
modules[\"vendor/lib.js\"] = (() => {
const t=1,e=2;

return { html: t, nothing: e };
})();
modules[\"words.js\"] = (() => {
const count = 1;
async function get(a) { return `<\\/script>`; }
class Log {}


return { count, get, Log, day };
})();
modules[\"view/a.js\"] = (() => {
const { count, get: ask } = modules[\"words.js\"];

ask(count);

return {  };
})();
";
        assert_eq!(bundle(&modules), expected);
    }
}
