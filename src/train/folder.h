/* folder.h: run folders: made, locked, named. Uses base/ only. */
#ifndef FCS_FOLDER_H
#define FCS_FOLDER_H

#include "base/base.h"

/* Makes the folder if it is not there; *made says whether it was. */
fcs_status fcs_folder_make(fcs_error *e, const char *path, bool *made);
bool fcs_folder_has(const char *folder, const char *name);
/* Locks folder/lock for this process, as long as the descriptor stays open; fails if another
 * process has it. */
fcs_status fcs_folder_lock(fcs_error *e, const char *folder, int *descriptor);
/* Writes a small text file, atomically. */
fcs_status fcs_folder_write(fcs_error *e, const char *folder, const char *name, const char *text);
/* Takes back what fcs_folder_make and fcs_folder_lock made; the folder only if it was made and is
 * empty. */
void fcs_folder_undo(const char *folder, bool made, int descriptor);

#endif
