internal import Model
internal import Yams

/// One mapping of a YAML file, read strictly: keys that nobody expects and values of the wrong
/// kind are noted, with where they stand, and reading goes on, so that one look finds all faults.
struct YAMLSection {
    /// What was found wrong; shared by all sections of a file.
    final class Notes {
        let path: String
        var faults: [FileFault] = []

        init(path: String) { self.path = path }

        func add(_ node: Node?, _ key: String, _ problem: String) {
            faults.append(
                FileFault(
                    path: path, line: node?.mark?.line, column: node?.mark?.column, key: key,
                    problem: problem))
        }
    }

    /// A value with where it stands.
    struct Entry {
        var node: Node
        var text: String
    }

    let node: Node
    let key: String
    let notes: Notes
    private var nodes: [String: Node] = [:]

    /// `key`: the path to it, for people. Nil for what is no mapping.
    init?(_ node: Node, key: String, allowed: [String], notes: Notes) {
        self.node = node
        self.key = key
        self.notes = notes
        guard let mapping = node.mapping else {
            notes.add(
                node, key, "keys with values are expected: \(allowed.joined(separator: ", "))")
            return nil
        }
        for (name, value) in mapping {
            guard let text = name.scalar?.string, allowed.contains(text) else {
                notes.add(
                    name, path(to: name.scalar?.string ?? "?"),
                    "no such key here; there are \(allowed.joined(separator: ", "))")
                continue
            }
            nodes[text] = value
        }
    }

    /// The whole of a file; nil when it is empty or no mapping.
    init?(text: String, allowed: [String], notes: Notes) {
        guard let root = YAMLSection.root(of: text, notes: notes) else { return nil }
        self.init(root, key: "", allowed: allowed, notes: notes)
    }

    /// The items of a file that is a list; none when it is empty.
    static func items(of text: String, notes: Notes) -> [(node: Node, key: String)] {
        guard let root = root(of: text, notes: notes) else { return [] }
        guard let sequence = root.sequence else {
            notes.add(root, "", "a list is expected")
            return []
        }
        return sequence.enumerated().map { ($1, "[\($0)]") }
    }

    /// What stands in a file; nil when it is empty or no YAML.
    private static func root(of text: String, notes: Notes) -> Node? {
        do {
            guard let root = try Yams.compose(yaml: text), root.null == nil else { return nil }
            return root
        } catch let error as YamlError {
            notes.faults.append(fault(error, path: notes.path))
        } catch {
            notes.add(nil, "", "not YAML: \(error)")
        }
        return nil
    }

    private static func fault(_ error: YamlError, path: String) -> FileFault {
        var fault = FileFault(path: path, key: "", problem: "not YAML: \(error)")
        switch error {
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
            .composer(_, let problem, let mark, _):
            fault.line = mark.line
            fault.column = mark.column
            fault.problem = "not YAML: \(problem)"
        case .duplicatedKeysInMapping(let duplicates, let context):
            fault.line = context.mark.line
            fault.column = context.mark.column
            let names = duplicates.joined(separator: ", ")
            fault.problem = "a key stands here twice: \(names)"
        default: break
        }
        return fault
    }

    subscript(name: String) -> Node? { nodes[name] }

    func path(to name: String) -> String { key.isEmpty ? name : "\(key).\(name)" }

    /// Notes that something is wrong with the value of `name`, or that it is missing.
    func note(_ name: String, _ problem: String) {
        notes.add(nodes[name] ?? node, path(to: name), problem)
    }

    /// A text; nil when it is missing, null, or no text.
    func entry(_ name: String) -> Entry? {
        guard let value = nodes[name], value.null == nil else { return nil }
        guard let scalar = value.scalar else {
            note(name, "a text is expected")
            return nil
        }
        return Entry(node: value, text: scalar.string)
    }

    func text(_ name: String) -> String? { entry(name)?.text }

    /// A text that must be there.
    func required(_ name: String) -> String? {
        guard let entry = entry(name), !entry.text.isEmpty else {
            note(name, "it is missing")
            return nil
        }
        return entry.text
    }

    /// Nanoseconds of `1m30s`.
    func duration(_ name: String) -> Int64? {
        guard let text = text(name) else { return nil }
        do {
            return try DurationText.parse(text)
        } catch {
            note(name, "\"\(text)\" is no duration as 30s, 5m or 1h30m")
            return nil
        }
    }

    /// A whole number from 0.
    func count(_ name: String) -> Int? {
        guard let text = text(name) else { return nil }
        guard let count = Int(text), count >= 0 else {
            note(name, "\"\(text)\" is no whole number from 0")
            return nil
        }
        return count
    }

    func flag(_ name: String) -> Bool? {
        guard let text = text(name) else { return nil }
        switch text {
        case "true", "True", "TRUE": return true
        case "false", "False", "FALSE": return false
        default:
            note(name, "\"\(text)\" is not one of true, false")
            return nil
        }
    }

    /// The items of a list; none when it is missing.
    func list(_ name: String) -> [(node: Node, key: String)] {
        guard let value = nodes[name], value.null == nil else { return [] }
        guard let sequence = value.sequence else {
            note(name, "a list is expected")
            return []
        }
        return sequence.enumerated().map { ($1, "\(path(to: name))[\($0)]") }
    }

    /// A list of texts.
    func texts(_ name: String) -> [String] {
        list(name).compactMap { item in
            guard let scalar = item.node.scalar else {
                notes.add(item.node, item.key, "a text is expected")
                return nil
            }
            return scalar.string
        }
    }

    /// Names with texts, by name; `isAllowed` says which names there may be.
    func pairs(_ name: String, isAllowed: (String) -> Bool) -> [RulePair] {
        guard let value = nodes[name], value.null == nil else { return [] }
        guard let mapping = value.mapping else {
            note(name, "names with texts are expected")
            return []
        }
        var pairs: [RulePair] = []
        for (key, text) in mapping {
            let place = "\(path(to: name)).\(key.scalar?.string ?? "?")"
            guard let word = key.scalar?.string, isAllowed(word) else {
                notes.add(key, place, "no valid name")
                continue
            }
            guard let scalar = text.scalar else {
                notes.add(text, place, "a text is expected")
                continue
            }
            pairs.append(RulePair(name: word, value: text.null == nil ? scalar.string : ""))
        }
        return pairs.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
    }
}
