//! The smallest workbooks that readers take for one: entries stored, not packed.

/// A cell to be written.
#[derive(Clone, Copy)]
pub enum Written {
    Nothing,
    Text(&'static str),
    Number(f64),
    /// Days since 1900, marked as a date.
    Date(f64),
    /// A part of a day, marked as a time.
    Time(f64),
}

/// A workbook of one sheet.
pub fn workbook(rows: &[Vec<Written>]) -> Vec<u8> {
    let mut data = String::new();
    for (row, cells) in rows.iter().enumerate() {
        data.push_str(&format!("<row r=\"{}\">", row + 1));
        for (column, cell) in cells.iter().enumerate() {
            let at =
                format!("{}{}", char::from(b'A' + u8::try_from(column).expect("few")), row + 1);
            data.push_str(&match cell {
                Written::Nothing => String::new(),
                Written::Text(text) => {
                    format!("<c r=\"{at}\" t=\"inlineStr\"><is><t>{text}</t></is></c>")
                }
                Written::Number(number) => format!("<c r=\"{at}\"><v>{number}</v></c>"),
                Written::Date(days) => format!("<c r=\"{at}\" s=\"1\"><v>{days}</v></c>"),
                Written::Time(day) => format!("<c r=\"{at}\" s=\"2\"><v>{day}</v></c>"),
            });
        }
        data.push_str("</row>");
    }
    of_rows(&data)
}

/// A sheet below a head whose cells all name one text, which the workbook holds once.
pub fn with_one_text(head: &[&str], text: &str, rows: usize) -> Vec<u8> {
    let letter = |at: usize| char::from(b'A' + u8::try_from(at).expect("few"));
    let mut data = String::from("<row r=\"1\">");
    for (at, name) in head.iter().enumerate() {
        let at = letter(at);
        data.push_str(&format!("<c r=\"{at}1\" t=\"inlineStr\"><is><t>{name}</t></is></c>"));
    }
    data.push_str("</row>");
    for row in 2..rows + 2 {
        data.push_str(&format!("<row r=\"{row}\">"));
        for at in 0..head.len() {
            data.push_str(&format!("<c r=\"{}{row}\" t=\"s\"><v>0</v></c>", letter(at)));
        }
        data.push_str("</row>");
    }
    let texts = format!("<sst {MAIN} count=\"1\" uniqueCount=\"1\"><si><t>{text}</t></si></sst>");
    book(&data, Some(&texts))
}

/// A sheet with one cell in its last corner.
pub fn with_far_cell() -> Vec<u8> {
    of_rows("<row r=\"1048576\"><c r=\"XFD1048576\"><v>1</v></c></row>")
}

/// The same archive whose first entry says that it unpacks to so many bytes.
pub fn declaring(archive: &[u8], bytes: u32) -> Vec<u8> {
    let mut archive = archive.to_vec();
    let entry = archive.windows(4).position(|four| four == b"PK\x01\x02").expect("an entry");
    archive[entry + 24..entry + 28].copy_from_slice(&bytes.to_le_bytes());
    archive
}

const MAIN: &str = "xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"";

fn of_rows(rows: &str) -> Vec<u8> {
    book(rows, None)
}

fn book(rows: &str, texts: Option<&str>) -> Vec<u8> {
    const OFFICE: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    const PACKAGE: &str = "http://schemas.openxmlformats.org/package/2006/relationships";
    let link = |id: &str, kind: &str, target: &str| {
        format!("<Relationship Id=\"{id}\" Type=\"{OFFICE}/{kind}\" Target=\"{target}\"/>")
    };
    let links = |links: &str| format!("<Relationships xmlns=\"{PACKAGE}\">{links}</Relationships>");
    let root = links(&link("rId1", "officeDocument", "xl/workbook.xml"));
    let book = links(
        &(link("rId1", "worksheet", "worksheets/sheet1.xml")
            + &link("rId2", "styles", "styles.xml")
            + &link("rId3", "sharedStrings", "sharedStrings.xml")),
    );
    let sheets = format!(
        "<workbook {MAIN} xmlns:r=\"{OFFICE}\"><sheets>\
         <sheet name=\"Sheet1\" sheetId=\"1\" r:id=\"rId1\"/></sheets></workbook>"
    );
    let formats = "<xf numFmtId=\"0\"/><xf numFmtId=\"14\"/><xf numFmtId=\"20\"/>";
    let styles =
        format!("<styleSheet {MAIN}><cellXfs count=\"3\">{formats}</cellXfs></styleSheet>");
    let sheet = format!("<worksheet {MAIN}><sheetData>{rows}</sheetData></worksheet>");
    let none = format!("<sst {MAIN} count=\"0\" uniqueCount=\"0\"/>");
    zip(&[
        ("_rels/.rels", &root),
        ("xl/_rels/workbook.xml.rels", &book),
        ("xl/workbook.xml", &sheets),
        ("xl/styles.xml", &styles),
        ("xl/sharedStrings.xml", texts.unwrap_or(&none)),
        ("xl/worksheets/sheet1.xml", &sheet),
    ])
}

fn zip(files: &[(&str, &str)]) -> Vec<u8> {
    let mut archive = Vec::new();
    let mut entries = Vec::new();
    for (name, content) in files {
        let at = archive.len();
        let mut facts = [20_u16, 0, 0, 0, 0x21].map(u16::to_le_bytes).concat();
        facts.extend(checksum(content.as_bytes()).to_le_bytes());
        facts.extend([size(content.len()); 2].map(u32::to_le_bytes).concat());
        facts.extend([half(name.len()), 0].map(u16::to_le_bytes).concat());
        archive.extend([b"PK\x03\x04", &facts[..], name.as_bytes(), content.as_bytes()].concat());
        entries.extend([&b"PK\x01\x02\x14\x00"[..], &facts, &[0; 10]].concat());
        entries.extend(size(at).to_le_bytes());
        entries.extend(name.as_bytes());
    }
    let begin = archive.len();
    archive.extend(&entries);
    archive.extend(b"PK\x05\x06\0\0\0\0");
    archive.extend([half(files.len()); 2].map(u16::to_le_bytes).concat());
    archive.extend([size(entries.len()), size(begin)].map(u32::to_le_bytes).concat());
    archive.extend([0, 0]);
    archive
}

fn size(bytes: usize) -> u32 {
    u32::try_from(bytes).expect("small")
}

fn half(bytes: usize) -> u16 {
    u16::try_from(bytes).expect("small")
}

/// CRC-32 as zip wants it.
fn checksum(bytes: &[u8]) -> u32 {
    let mut sum = u32::MAX;
    for byte in bytes {
        sum ^= u32::from(*byte);
        for _ in 0..8 {
            let low = sum & 1;
            sum = (sum >> 1) ^ (0xedb8_8320 * low);
        }
    }
    !sum
}
