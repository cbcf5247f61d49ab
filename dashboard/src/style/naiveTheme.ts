/** The tokens of `tokens.css` as Naive UI wants them, so that its widgets look like the rest. */
import type { GlobalThemeOverrides } from 'naive-ui'
import { deskRemPx } from '@/state/screen'
import { font } from './font'

const accent = '#37c8ab'

/** Naive UI measures in pixels, so its sizes follow the root font size as `rem` does elsewhere; a thumb needs more of them. */
export function naiveTheme(remPx: number, isForThumbs: boolean): GlobalThemeOverrides {
  const px = (size: number) => `${Math.round((size * remPx) / deskRemPx)}px`
  return {
    common: {
      primaryColor: accent,
      primaryColorHover: '#5bd8bf',
      primaryColorPressed: '#2ba58d',
      primaryColorSuppl: accent,
      errorColor: '#ff5a52',
      warningColor: '#f2b93b',
      bodyColor: '#0a1019',
      cardColor: '#101824',
      modalColor: '#162131',
      popoverColor: '#1e2c40',
      tableColor: '#101824',
      inputColor: '#1a2738',
      dividerColor: '#233247',
      borderColor: '#33465f',
      textColorBase: '#dce5f1',
      textColor1: '#dce5f1',
      textColor2: '#c3d0e0',
      textColor3: '#9cafc7',
      fontFamily: font,
      borderRadius: px(6),
      fontSize: px(14),
      fontSizeSmall: px(13),
      fontSizeMedium: px(14),
      fontSizeLarge: px(15),
      heightTiny: px(22),
      heightSmall: px(isForThumbs ? 34 : 28),
      heightMedium: px(isForThumbs ? 38 : 34),
      heightLarge: px(40),
    },
    DataTable: {
      thColor: '#162131',
      tdColor: '#101824',
      tdColorHover: '#162131',
      borderColor: '#233247',
      thTextColor: '#9cafc7',
    },
    Drawer: { color: '#101824' },
    Checkbox: { sizeMedium: px(16), fontSizeMedium: px(14) },
    Tabs: { tabFontSizeMedium: px(14) },
    Dialog: { fontSize: px(14), titleFontSize: px(17) },
    Form: { labelFontSizeTopMedium: px(13), labelTextColor: '#9cafc7' },
  }
}
