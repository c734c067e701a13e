dnl FCS_TRY_CFLAGS(flags, if-yes, if-no): does the compiler take them without a word? (clang only warns.)
AC_DEFUN([FCS_TRY_CFLAGS], [
  AC_MSG_CHECKING([whether $CC takes $1])
  fcs_saved=$CFLAGS
  CFLAGS="$CFLAGS $1 -Werror"
  AC_COMPILE_IFELSE([AC_LANG_PROGRAM([], [])], [AC_MSG_RESULT([yes]); fcs_takes=yes], [AC_MSG_RESULT([no]); fcs_takes=no])
  CFLAGS=$fcs_saved
  AS_IF([test $fcs_takes = yes], [$2], [$3])
])

dnl FCS_ISA(NAME, flags, includes, statements): kernels of an instruction set, where the compiler can make them.
dnl --disable-NAME (lower case) leaves them out.
AC_DEFUN([FCS_ISA], [
  m4_pushdef([fcs_lower], m4_tolower([$1]))
  AC_ARG_ENABLE(fcs_lower, [AS_HELP_STRING([--disable-]fcs_lower, [leave out the $1 kernels])])
  AC_MSG_CHECKING([for $1])
  fcs_saved=$CFLAGS
  CFLAGS="$CFLAGS $2"
  fcs_takes=no
  AS_IF([test "x$enable_[]fcs_lower" != xno],
    [AC_COMPILE_IFELSE([AC_LANG_PROGRAM([[$3]], [[$4]])], [fcs_takes=yes])])
  CFLAGS=$fcs_saved
  AC_MSG_RESULT([$fcs_takes])
  AS_IF([test $fcs_takes = yes],
    [isas="$isas fcs_lower"
     FCS_ISA_CPPFLAGS="$FCS_ISA_CPPFLAGS -DFCS_HAVE_$1=1"])
  $1_FLAGS='$2'
  AC_SUBST([$1_FLAGS])
  AC_SUBST([FCS_ISA_CPPFLAGS])
  AM_CONDITIONAL([HAVE_$1], [test $fcs_takes = yes])
  m4_popdef([fcs_lower])
])
