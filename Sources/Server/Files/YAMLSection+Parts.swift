internal import Yams

/// Sections within a section.
extension YAMLSection {
    /// Where it begins, from 1.
    var line: Int { node.mark?.line ?? 0 }

    /// The section `name`; nil when it is missing or no mapping.
    func section(_ name: String, allowed: [String]) -> YAMLSection? {
        guard let node = self[name], node.null == nil else { return nil }
        return YAMLSection(node, key: path(to: name), allowed: allowed, notes: notes)
    }

    /// Names with lists of texts, by name.
    func textLists(_ name: String) -> [(name: String, values: [String])] {
        guard let value = self[name], value.null == nil else { return [] }
        guard let mapping = value.mapping else {
            note(name, "names with lists of texts are expected")
            return []
        }
        let keys = Array(mapping.keys).compactMap { $0.scalar?.string }
        guard let section = section(name, allowed: keys) else { return [] }
        return keys.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
            .map { ($0, section.texts($0)) }
    }
}
