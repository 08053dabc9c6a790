internal import Platform
internal import Server

/// The rules of retention as the server takes them. The file is read here, so that what is wrong with it
/// keeps a start or a reload from happening.
extension SettingSources {
    func addRetention(to configuration: inout ServerConfiguration) throws(SettingError) {
        let value = self[.retentionRules]
        guard value.text != "off" else { return }
        do {
            try configuration.retention.setFile(
                path: value.text, text: try TextFile.read(value.text))
        } catch {
            throw SettingError("\(value.source): \(error)")
        }
    }
}
