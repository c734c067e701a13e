# embed.awk: text files as C arrays of lines.
# Usage: awk -f embed.awk -v table=NAME -v from=WHERE FILE ... > embedded.c
# Portable awk only. In awk, gsub's own quoting of & and \ is as below.
function stem(path) {
    sub(/.*\//, "", path)
    sub(/\.[^.]*$/, "", path)
    return path
}
function finish() {
    if (files) print "    0};"
}
FNR == 1 {
    if (!files) {
        print "/* Made by m4/embed.awk from " from "; do not edit. */"
        print "#include \"base/base.h\""
        print "extern const fcs_embedded " table "[];"
    }
    finish()
    names[files++] = stem(FILENAME)
    printf "static const char *const lines_%d[] = {\n", files - 1
}
{
    gsub(/\\/, "&&")
    gsub(/"/, "\\\\&")
    print "    \"" $0 "\","
}
END {
    finish()
    print "const fcs_embedded " table "[] = {"
    for (i = 0; i < files; i++) printf "    {\"%s\", lines_%d},\n", names[i], i
    print "    {0, 0}};"
}
