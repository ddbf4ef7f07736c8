"""The data of volumes in a backup.

Order, and why:
1. `facts`: what the cluster says about the captured claims and the pods that use them. Few requests, and only now: before the
   capture nobody knows which claims there are.
2. `plan`: for each volume whether a mover reads it, from where, or why none does. Pure; `--dry-run` shows it. What
   makes movers impossible altogether is known here too: then no volume is saved, and nothing of movers is touched.
3. `parents`: for each volume the snapshot whose unchanged files need not be read again.
4. `run`: group by group (`groups`), the hooks before, the movers, the hooks after – these whatever happened, so that no
   application stays paused. A group is what must hold still together; one at a time, so that each is paused for its own volumes
   only.
5. Each mover has left a part, a snapshot of its own: `parts` takes the volume's directory out of it and grafts it into the
   backup's tree, as it is encoded. A part that cannot be found or read is a volume that failed, whatever its mover said.
6. Then come the dumps, from applications that run again.

A volume that fails is a record with its reason, and the rest goes on: the run is partial then.
"""
