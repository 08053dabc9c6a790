internal import Platform
internal import Server

/// The settings of scrapes as the server takes them. The file is read here, so that what is wrong
/// with it keeps a start or a reload from happening.
extension SettingSources {
    func addScrapes(to configuration: inout ServerConfiguration) throws(SettingError) {
        configuration.scrapes.setTenant(try tenantName(.scrapeTenant))
        let value = self[.scrapeConfig]
        guard value.text != "off" else { return }
        do {
            try configuration.scrapes.setFile(
                path: value.text, text: try TextFile.read(value.text), read: TextFile.read,
                expand: TextFile.expand)
        } catch {
            throw SettingError("\(value.source): \(error)")
        }
    }
}
