# embed.awk: recipe files as C arrays of lines. Usage: awk -f embed.awk FILE.cfg ... > embedded.c
# Portable awk only. In awk, gsub's own quoting of & and \ is as below.
function stem(path) {
    sub(/.*\//, "", path)
    sub(/\.[^.]*$/, "", path)
    return path
}
function finish() {
    if (files) print "    0};"
}
BEGIN {
    print "/* Made by m4/embed.awk from data/recipes; do not edit. */"
    print "#include \"recipe/recipe.h\""
}
FNR == 1 {
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
    print "const fcs_embedded fcs_embedded_recipes[] = {"
    for (i = 0; i < files; i++) printf "    {\"%s\", lines_%d},\n", names[i], i
    print "    {0, 0}};"
}
