internal import Ingest
internal import Model
internal import Yams

/// A file that names targets: a list of groups, in YAML or in JSON, which is read as the YAML that it
/// is. Source: Prometheus documentation, "Configuration", file_sd_config.
struct DiscoveryFile {
    private static let endings = [".json", ".yml", ".yaml"]

    private(set) var groups: [TargetGroup] = []

    /// Throws everything that is wrong.
    init(path: String, text: String) throws(FileFaults) {
        let notes = YAMLSection.Notes(path: path)
        let isJSON = path.lowercased().hasSuffix(".json")
        let text = isJSON ? SurrogateEscapes.resolved(text) : text
        for (node, key) in YAMLSection.items(of: text, notes: notes) {
            guard let group = TargetGroup(node, key: key, notes: notes) else { continue }
            var builder = LabelsBuilder(group.labels)
            builder.set("__meta_filepath", path)
            groups.append(TargetGroup(addresses: group.addresses, labels: builder.build()))
        }
        guard notes.faults.isEmpty else { throw FileFaults(notes.faults) }
    }

    /// Whether a file, or a pattern of files, may be one of these.
    static func isName(_ path: String) -> Bool {
        endings.contains { path.lowercased().hasSuffix($0) }
    }
}

extension TargetGroup {
    /// `{targets: […], labels: {…}}`
    init?(_ node: Node, key: String, notes: YAMLSection.Notes) {
        guard
            let section = YAMLSection(node, key: key, allowed: ["targets", "labels"], notes: notes)
        else { return nil }
        let addresses = section.texts("targets")
        for address in addresses where address.contains("/") {
            section.note("targets", "\"\(address)\" is not HOST:PORT")
        }
        let labels = section.pairs("labels") { !$0.isEmpty }
        self.init(addresses: addresses, labels: labels.labels)
    }
}
