/// A day of the proleptic Gregorian calendar. Years are counted in eras of 400 that begin on 1 March, so
/// that a leap day is the last of its year.
/// Source: Howard Hinnant, "chrono-compatible low-level date algorithms".
package struct CivilDay: Sendable, Equatable {
    package var year: Int
    /// 1 to 12.
    package var month: Int
    /// 1 to 31.
    package var day: Int

    @inlinable
    package init(year: Int, month: Int, day: Int) {
        (self.year, self.month, self.day) = (year, month, day)
    }

    /// `number`: days since 1 January 1970.
    @inlinable
    package init(number: Int) {
        let shifted = number + 719_468
        let era = CivilDay.floorDivide(shifted, 146_097)
        let ofEra = shifted - era * 146_097
        let yearOfEra = (ofEra - ofEra / 1_460 + ofEra / 36_524 - ofEra / 146_096) / 365
        let fromMarch = ofEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * fromMarch + 2) / 153
        day = fromMarch - (153 * monthFromMarch + 2) / 5 + 1
        month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    }

    /// Whether there is such a day.
    @inlinable
    package var exists: Bool {
        month >= 1 && month <= 12 && day >= 1 && day <= CivilDay.count(year: year, month: month)
    }

    /// Days since 1 January 1970. The month is one; the day may be any.
    @inlinable
    package var number: Int {
        let shifted = month <= 2 ? year - 1 : year
        let era = CivilDay.floorDivide(shifted, 400)
        let yearOfEra = shifted - era * 400
        let ofYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + ofYear - 719_468
    }

    /// From 1.
    package var ofYear: Int { number - CivilDay(year: year, month: 1, day: 1).number + 1 }

    /// From 0, Sunday.
    package var ofWeek: Int { ((number + 4) % 7 + 7) % 7 }

    /// Days of a month.
    @inlinable
    package static func count(year: Int, month: Int) -> Int {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    @inlinable
    static func floorDivide(_ a: Int, _ b: Int) -> Int { a / b - (a % b < 0 ? 1 : 0) }
}
