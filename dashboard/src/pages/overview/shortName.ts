/**
 * The everyday name of a township: `后坪苗族土家族乡` is called `后坪乡`. Only for labels; the whole name is in the title.
 */
export function shortName(name: string): string {
  return name.replace(/(?:苗族|土家族|仡佬族)+(?=乡$)/, '')
}
