internal import Foundation
internal import TOMLKit

/// The values of all settings with where each came from.
struct SettingSources {
    struct Value: Hashable {
        var text: String
        /// `--http`, `VARVE_HTTP`, `varve.toml: http` or `default`.
        var source: String
    }

    private var values: [Setting: Value] = [:]

    /// `flags`: those given. `file`: path of the TOML file, if there is one. Throws on a file that
    /// cannot be read, on unknown keys of the file and on `VARVE_` variables that are no setting.
    init(
        flags: [Setting: String], environment: [String: String], file: String?
    ) throws(SettingError) {
        if let file { try read(file: file) }
        let known = Set(Setting.allCases.map(\.environmentName)).union(["VARVE_CONFIG"])
        for name in environment.keys.sorted() where name.hasPrefix("VARVE_") {
            // Clients and builds have variables of their own.
            guard !SettingSources.foreignVariables.contains(name) else { continue }
            guard known.contains(name) else {
                throw SettingError("\(name) is no setting; `varve serve --help` lists them")
            }
        }
        for setting in Setting.allCases {
            if let text = environment[setting.environmentName], !text.isEmpty {
                values[setting] = Value(text: text, source: setting.environmentName)
            }
            if let text = flags[setting] {
                values[setting] = Value(text: text, source: "--\(setting.rawValue)")
            }
        }
    }

    /// Of the command line tools and of the build.
    static let foreignVariables: Set<String> = [
        "VARVE_ADDR", "VARVE_TENANT", "VARVE_PROFILE", "VARVE_CLIENT_CONFIG", "VARVE_USERNAME",
        "VARVE_PASSWORD", "VARVE_TOKEN", "VARVE_ROOM", "VARVE_V3", "VARVE_SEEDS",
    ]

    subscript(setting: Setting) -> Value {
        values[setting] ?? Value(text: setting.standard, source: "default")
    }

    /// Takes over the values that need no restart; the others stay those of the start.
    mutating func takeReloadable(of new: SettingSources) {
        for setting in Setting.allCases where setting.isReloadable {
            values[setting] = new.values[setting]
        }
    }

    private mutating func read(file: String) throws(SettingError) {
        let text: String
        do {
            text = try String(contentsOfFile: file, encoding: .utf8)
        } catch {
            throw SettingError("cannot read \(file): \(error.localizedDescription)")
        }
        let table: TOMLTable
        do {
            table = try TOMLTable(string: text)
        } catch {
            throw SettingError("\(file) is not TOML: \(error)")
        }
        let byKey = Dictionary(uniqueKeysWithValues: Setting.allCases.map { ($0.fileKey, $0) })
        for key in table.keys.sorted() {
            guard let setting = byKey[key] else {
                throw SettingError(
                    "\(file): \(key) is no setting; `varve serve --help` lists them")
            }
            guard let value = table[key] else { continue }
            let word = setting.isSwitch ? value.bool.map { $0 ? "on" : "off" } : nil
            guard let text = word ?? value.string ?? value.int.map(String.init) else {
                throw SettingError("\(file): \(key) must be a string or a whole number")
            }
            values[setting] = Value(text: text, source: "\(file): \(key)")
        }
    }
}
